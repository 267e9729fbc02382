// Runs a Node.js handler over the Lambda Runtime API: one raw connection, the answer to one invocation and the request
// for the next in one. Error payloads, log lines and the context object are those of AWS's own runtime.
//
// Arguments: the folder with the AWS SDK for handlers that bring none (or an empty text).
// The connection is the standard input where that is a socket, else AWS_LAMBDA_RUNTIME_API.
import net from 'node:net';
import fs from 'node:fs';
import path from 'node:path';
import util from 'node:util';
import { Writable } from 'node:stream';
import module, { createRequire, register } from 'node:module';
import { pathToFileURL } from 'node:url';

const root = process.env.LAMBDA_TASK_ROOT ?? process.cwd();
const sdk = process.argv[2] ?? '';
process.argv = [process.argv[0], process.argv[1]];

class Fault extends Error {
  constructor(type, message, trace) {
    super(message);
    this.name = type;
    if (trace) this.stack = trace;
  }
}

class Connection {
  constructor() {
    this.buffer = Buffer.alloc(0);
    this.waiting = null;
    this.parsed = [];
    const inherited = fs.fstatSync(0).isSocket();
    if (inherited) {
      this.host = 'localhost';
      this.socket = new net.Socket({ fd: 0, readable: true, writable: true });
      // The handler's own standard input is empty, as in Lambda; this one is ours.
      const empty = fs.createReadStream('/dev/null');
      Object.defineProperty(process, 'stdin', { configurable: true, get: () => empty });
    } else {
      this.host = process.env.AWS_LAMBDA_RUNTIME_API;
      const colon = this.host.lastIndexOf(':');
      this.socket = net.connect(Number(this.host.slice(colon + 1)), this.host.slice(0, colon));
      this.socket.setNoDelay(true);
    }
    this.next = `GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: ${this.host}\r\n\r\n`;
    this.socket.on('data', (data) => this.take(data));
    // Tule is gone; nobody will ever ask again.
    this.socket.on('end', () => process.exit(0));
    this.socket.on('error', () => process.exit(0));
  }

  take(data) {
    this.buffer = this.buffer.length ? Buffer.concat([this.buffer, data]) : data;
    for (;;) {
      const end = this.buffer.indexOf('\r\n\r\n');
      if (end < 0) return;
      const lines = this.buffer.toString('latin1', 0, end).split('\r\n');
      const headers = {};
      for (let i = 1; i < lines.length; i++) {
        const colon = lines[i].indexOf(':');
        headers[lines[i].slice(0, colon).toLowerCase()] = lines[i].slice(colon + 1).trim();
      }
      const length = Number(headers['content-length'] ?? 0);
      if (this.buffer.length < end + 4 + length) return;
      const body = this.buffer.subarray(end + 4, end + 4 + length);
      this.buffer = this.buffer.subarray(end + 4 + length);
      const message = { status: Number(lines[0].split(' ', 2)[1]), headers, body };
      if (this.waiting) {
        const waiting = this.waiting;
        this.waiting = null;
        waiting(message);
      } else this.parsed.push(message);
    }
  }

  read() {
    return this.parsed.length ? Promise.resolve(this.parsed.shift()) : new Promise((done) => (this.waiting = done));
  }

  /// Begins the answer to an invocation, which goes out in chunks as it is written.
  begin(to, contentType) {
    this.socket.write(
      `POST /2018-06-01/runtime/${to} HTTP/1.1\r\nHost: ${this.host}\r\nContent-Type: ${contentType}\r\n` +
        'Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n' +
        'Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n',
    );
  }

  chunk(bytes, done) {
    if (!bytes.length) return done();
    this.socket.write(Buffer.concat([Buffer.from(bytes.length.toString(16) + '\r\n'), bytes, Buffer.from('\r\n')]), done);
  }

  /// Ends it, and asks for the next invocation. A failure goes into the trailers.
  async finish(error) {
    let end = '0\r\n';
    if (error) {
      end += `Lambda-Runtime-Function-Error-Type: ${error.errorType.replace(/[^\x20-\x7e]/g, '?')}\r\n`;
      end += `Lambda-Runtime-Function-Error-Body: ${Buffer.from(JSON.stringify(error)).toString('base64')}\r\n`;
    }
    this.socket.write(end + '\r\n' + this.next);
    const taken = await this.read();
    if (taken.status === 403) process.exit(1);
    return this.read();
  }

  /// The next invocation.
  ask() {
    this.socket.write(this.next);
    return this.read();
  }

  /// Answers an invocation, and gives the next one.
  async answer(requestId, end, body, type) {
    const given = await this.post(`invocation/${requestId}/${end}?then=next`, body, type);
    // One that is too large is refused, and ends nothing.
    return given.status === 413 ? this.ask() : given;
  }

  post(to, body, type, contentType = 'application/json') {
    const bytes = Buffer.from(body);
    let head = `POST /2018-06-01/runtime/${to} HTTP/1.1\r\nHost: ${this.host}\r\nContent-Type: ${contentType}\r\nContent-Length: ${bytes.length}\r\n`;
    if (type) head += `Lambda-Runtime-Function-Error-Type: ${type.replace(/[^\x20-\x7e]/g, '?')}\r\n`;
    this.socket.write(Buffer.concat([Buffer.from(head + '\r\n', 'latin1'), bytes]));
    return this.read();
  }
}

// How many invocations are worked on at once; where that is more than one, what runs for one of them knows which.
const atOnce = Number(process.env.AWS_LAMBDA_MAX_CONCURRENCY ?? 1);
const current = atOnce > 1 ? new (await import('node:async_hooks')).AsyncLocalStorage() : undefined;
let onlyRequestId;
const requestIdNow = () => (current ? current.getStore() : onlyRequestId);
let started = false;
const asJson = process.env.AWS_LAMBDA_LOG_FORMAT === 'JSON';
const levels = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
const least = asJson ? Math.max(0, levels.indexOf((process.env.AWS_LAMBDA_LOG_LEVEL ?? '').toUpperCase())) : 0;

function writeEvent(text) {
  // A carriage return keeps the lines of one message in one log event. Written at once: it must not overtake or trail
  // the answer.
  const bytes = Buffer.from(text.replace(/\r?\n/g, '\r') + '\n');
  for (let at = 0; at < bytes.length; ) {
    try {
      at += fs.writeSync(1, bytes, at);
    } catch (error) {
      if (error.code !== 'EAGAIN') return;
    }
  }
}

function describeError(error) {
  if (util.types.isNativeError(error) || (error && error.name && error.message !== undefined && error.stack)) {
    return {
      errorType: String(error.name ?? '').replace(/\x7f/g, '%7F'),
      errorMessage: String(error.message ?? '').replace(/\x7f/g, '%7F'),
      trace: shown(String(error.stack ?? '')).replace(/\x7f/g, '%7F').split('\n'),
    };
  }
  return { errorType: typeof error, errorMessage: String(error), trace: [] };
}

function shown(text) {
  return text.split(pathToFileURL(root).href + '/').join('file:///var/task/').split(root + '/').join('/var/task/');
}

function errorForLog(error) {
  if (!util.types.isNativeError(error)) return describeError(error);
  const described = { errorType: error.name, errorMessage: error.message, code: error.code };
  for (const [name, value] of Object.entries(error)) if (!(name in described)) described[name] = value;
  described.stack = shown(String(error.stack ?? '')).split('\n');
  if (described.code === undefined) delete described.code;
  return described;
}

function setUpConsole() {
  const at = (level) => (...values) => {
    if (levels.indexOf(level) < least) return;
    const time = new Date().toISOString();
    const requestId = requestIdNow();
    if (!asJson) return writeEvent(`${time}\t${requestId ?? 'undefined'}\t${level}\t${util.format(...values)}`);
    const line = { timestamp: time, level, requestId };
    if (values.length === 1 && typeof values[0] === 'object' && values[0] !== null && !util.types.isNativeError(values[0])) {
      line.message = values[0];
    } else {
      line.message = util.format(...values);
      const failed = values.find((value) => util.types.isNativeError(value));
      if (failed) {
        line.errorType = failed.name ?? 'UnknownError';
        line.errorMessage = failed.message;
        line.stackTrace = shown(String(failed.stack ?? '')).split('\n').slice(1);
      }
    }
    let text;
    try {
      text = JSON.stringify(line);
    } catch {
      text = JSON.stringify({ ...line, message: util.format(...values) });
    }
    writeEvent(text);
  };
  console.trace = at('TRACE');
  console.debug = at('DEBUG');
  console.log = at('INFO');
  console.info = at('INFO');
  console.warn = at('WARN');
  console.error = at('ERROR');
  console.fatal = at('FATAL');
}

function logError(title, error) {
  const requestId = requestIdNow();
  if (asJson) {
    const described = describeError(error);
    return writeEvent(
      JSON.stringify({
        timestamp: new Date().toISOString(),
        level: 'ERROR',
        requestId,
        message: { errorType: described.errorType, errorMessage: described.errorMessage, stackTrace: described.trace },
      }),
    );
  }
  writeEvent(`${new Date().toISOString()}\t${requestId ?? 'undefined'}\tERROR\t${title} \t${JSON.stringify(errorForLog(error))}`);
}

/// Where `require` and `import` find packages that the function does not bring: NODE_PATH and the SDK's folder.
/// `require` knows NODE_PATH by itself; `import` learns it here. That costs a thread where Node.js is older, so it is
/// done for handlers that are imported; others find the SDK by its folder, if it is where `import` looks anyway.
let resolvesLikeLambda = false;
function resolveLikeLambda() {
  if (resolvesLikeLambda) return;
  resolvesLikeLambda = true;
  const folders = (process.env.NODE_PATH ?? '').split(path.delimiter).filter(Boolean);
  if (sdk && !folders.includes(sdk)) folders.push(sdk);
  if (!folders.length) return;
  if (module.registerHooks) return module.registerHooks({ resolve: resolveIn(folders) });
  const hook = `
    import { createRequire } from 'node:module';
    import { pathToFileURL } from 'node:url';
    import fs from 'node:fs';
    import path from 'node:path';
    const folders = ${JSON.stringify(folders)};
    export async function resolve(name, context, next) {
      try {
        return await next(name, context);
      } catch (error) {
        if (error.code !== 'ERR_MODULE_NOT_FOUND' || /^[./]|^[a-z]+:/i.test(name)) throw error;
        for (const folder of folders) {
          // A parent within a folder named node_modules beside the packages resolves as a file there would.
          const parent = pathToFileURL(path.join(folder, path.basename(folder) === 'node_modules' ? '..' : '.', 'parent.mjs')).href;
          try {
            return await next(name, { ...context, parentURL: parent });
          } catch {}
          try {
            const found = createRequire(path.join(folder, 'parent.js')).resolve(path.join(folder, name));
            return await next(pathToFileURL(found).href, context);
          } catch {}
        }
        throw error;
      }
    }`;
  register('data:text/javascript,' + encodeURIComponent(hook));
}

function resolveIn(folders) {
  return (name, context, next) => {
    try {
      return next(name, context);
    } catch (error) {
      if (error.code !== 'ERR_MODULE_NOT_FOUND' || /^[./]|^[a-z]+:/i.test(name)) throw error;
      for (const folder of folders) {
        const parent = path.join(folder, path.basename(folder) === 'node_modules' ? '..' : '.', 'parent.mjs');
        try {
          return next(name, { ...context, parentURL: pathToFileURL(parent).href });
        } catch {}
        try {
          const found = createRequire(path.join(folder, 'parent.js')).resolve(path.join(folder, name));
          return next(pathToFileURL(found).href, context);
        } catch {}
      }
      throw error;
    }
  };
}

function imported(file) {
  resolveLikeLambda();
  return import(pathToFileURL(file).href);
}

async function load(handler) {
  const base = path.basename(handler);
  const dot = base.indexOf('.');
  if (dot < 1 || handler.includes('..')) {
    throw new Fault(
      handler.includes('..') ? 'Runtime.MalformedHandlerName' : 'Runtime.MalformedHandlerName',
      handler.includes('..')
        ? `'${handler}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`
        : 'Bad handler',
    );
  }
  const module = path.join(handler.slice(0, handler.length - base.length), base.slice(0, dot));
  const name = base.slice(dot + 1);
  let loaded;
  try {
    loaded = await loadModule(path.resolve(root, module), module);
  } catch (error) {
    if (error instanceof SyntaxError) throw new Fault('Runtime.UserCodeSyntaxError', String(error), error.stack);
    if (error.code === 'MODULE_NOT_FOUND' || error.code === 'ERR_MODULE_NOT_FOUND') {
      throw new Fault('Runtime.ImportModuleError', shown(String(error)), error.stack);
    }
    throw error;
  }
  let found = loaded;
  for (const part of name.split('.')) found = found?.[part];
  if (found === undefined && loaded?.default) found = name.split('.').reduce((at, part) => at?.[part], loaded.default);
  if (found === undefined) throw new Fault('Runtime.HandlerNotFound', `${handler} is undefined or not exported`);
  if (typeof found !== 'function') throw new Fault('Runtime.HandlerNotFound', `${handler} is not a function`);
  return found;
}

async function loadModule(file, name) {
  const exists = (at) => fs.existsSync(at) && fs.statSync(at).isFile();
  if (exists(file + '.js') && !isModule(file)) return createRequire(file + '.js')(file + '.js');
  if (exists(file + '.js')) return imported(file + '.js');
  if (exists(file + '.mjs')) return imported(file + '.mjs');
  if (exists(file + '.cjs')) return createRequire(file + '.cjs')(file + '.cjs');
  if (exists(file)) return createRequire(file)(file);
  const require = createRequire(path.join(root, 'handler.js'));
  try {
    return require(require.resolve(name, { paths: [root] }));
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error;
    const missing = new Error(`Cannot find module '${path.basename(name)}'\nRequire stack:\n- /var/runtime/index.mjs`);
    missing.code = 'MODULE_NOT_FOUND';
    throw missing;
  }
}

function isModule(file) {
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    const manifest = path.join(folder, 'package.json');
    if (fs.existsSync(manifest)) {
      try {
        return JSON.parse(fs.readFileSync(manifest, 'utf8')).type === 'module';
      } catch {
        return false;
      }
    }
    if (folder === root || path.dirname(folder) === folder) return false;
  }
}

function contextOf(headers, settle) {
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  const parse = (text) => (text ? JSON.parse(text) : undefined);
  const context = {
    callbackWaitsForEmptyEventLoop: true,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parse(headers['lambda-runtime-client-context']),
    identity: parse(headers['lambda-runtime-cognito-identity']),
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    tenantId: headers['lambda-runtime-aws-tenant-id'],
  };
  const hidden = {
    getRemainingTimeInMillis: () => deadline - Date.now(),
    done: (error, result) => settle(error, result),
    succeed: (result) => settle(null, result),
    fail: (error) => settle(error ?? 'handled'),
  };
  Object.assign(context, hidden);
  return context;
}

function emptyLoop() {
  return new Promise((done) => process.once('beforeExit', done));
}

function call(connection, handler, event, headers) {
  return new Promise((resolve, reject) => {
    let settled = false;
    const settle = (error, result) => {
      if (settled) return;
      settled = true;
      if (error !== undefined && error !== null) return reject(error);
      // Where several are worked on at once the loop is never empty.
      if (current || !context.callbackWaitsForEmptyEventLoop) return resolve(result);
      // The handler's other work ends first; the connection alone must not keep the loop alive meanwhile.
      connection.socket.unref();
      emptyLoop().then(() => {
        connection.socket.ref();
        resolve(result);
      });
    };
    const context = contextOf(headers, settle);
    let returned;
    try {
      returned = handler(event, context, settle);
    } catch (error) {
      settled = true;
      return reject(error);
    }
    if (typeof returned?.then === 'function') {
      settled = true;
      return returned.then(resolve, reject);
    }
    if (handler.length < 3 && returned !== undefined && !settled) {
      settled = true;
      return resolve(returned);
    }
    // A handler that returned without a promise: it calls back, or the loop runs empty and the answer is null.
    if (!settled && !current) {
      connection.socket.unref();
      emptyLoop().then(() => {
        connection.socket.ref();
        if (!settled) {
          settled = true;
          resolve(null);
        }
      });
    }
  });
}

/// What a streaming handler writes into. Nothing is sent before its first byte, so that a failure until then is an
/// error of the invocation and not of its stream.
class ResponseStream extends Writable {
  constructor(connection, to) {
    super({ highWaterMark: 64 * 1024 });
    this.connection = connection;
    this.to = to;
    this.contentType = 'application/octet-stream';
    this.began = false;
    this.prelude = undefined;
  }

  setContentType(type) {
    if (this.began) throw new Fault('InvalidStreamingOperation', 'Cannot set content-type, too late.');
    this.contentType = type;
  }

  _write(chunk, encoding, done) {
    this.begin();
    this.connection.chunk(Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk, encoding), done);
  }

  begin() {
    if (this.began) return;
    this.began = true;
    this.connection.begin(this.to, this.contentType);
    if (this.prelude) this.connection.chunk(this.prelude, () => {});
  }
}

/// Opens the inspector where a port is given, and goes on when somebody has attached.
async function waitForDebugger() {
  const port = process.env.TULE_DEBUG_PORT;
  if (port === undefined) return;
  delete process.env.TULE_DEBUG_PORT;
  const inspector = await import('node:inspector');
  inspector.open(Number(port), '127.0.0.1', true);
}

const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
globalThis.awslambda = {
  streamifyResponse(handler, options) {
    handler[STREAMING] = 'response';
    if (options?.highWaterMark !== undefined) handler[Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark')] = options.highWaterMark;
    return handler;
  },
  HttpResponseStream: class {
    static from(stream, prelude) {
      stream.setContentType('application/vnd.awslambda.http-integration-response');
      stream.prelude = Buffer.concat([Buffer.from(JSON.stringify(prelude)), Buffer.alloc(8)]);
      return stream;
    }
  },
};

/// Runs a streaming handler. Gives Tule's answer, or throws what failed before anything was sent.
async function runStreaming(connection, handler, event, headers) {
  const stream = new ResponseStream(connection, `invocation/${requestIdNow()}/response`);
  const ended = new Promise((done, failed) => stream.on('finish', done).on('error', failed));
  ended.catch(() => {});
  let failure;
  try {
    await handler(event, stream, contextOf(headers, () => {}));
    if (!stream.writableEnded) stream.end();
    await ended;
  } catch (error) {
    if (!stream.began) throw error;
    logError('Invoke Error', error);
    failure = describeError(error);
  }
  stream.begin();
  return connection.finish(failure);
}

async function fail(error) {
  const described = describeError(error);
  const requestId = requestIdNow();
  if (current && started) process.exit(129);
  if (requestId === undefined) {
    await connection.post('init/error', JSON.stringify(described), described.errorType);
    process.exit(128);
  }
  await connection.post(`invocation/${requestId}/error`, JSON.stringify(described), described.errorType);
  process.exit(128);
}

const connection = new Connection();
setUpConsole();
process.on('uncaughtException', (error) => {
  logError('Uncaught Exception', error);
  fail(error);
});
process.on('unhandledRejection', (reason) => {
  const error = new Fault('Runtime.UnhandledPromiseRejection', String(reason), reason?.stack);
  error.reason = reason instanceof Error ? errorForLog(reason) : reason;
  logError('Unhandled Promise Rejection', error);
  fail(error);
});

let handler;
try {
  if (sdk && !sdk.startsWith('/var/')) resolveLikeLambda();
  await waitForDebugger();
  handler = await load(process.env._HANDLER ?? '');
} catch (error) {
  logError('Uncaught Exception', error);
  await fail(error);
}

/// Works on one invocation, and gives the next one.
async function work(connection, headers, body) {
  const requestId = requestIdNow();
  let to = 'response';
  let answer;
  let type;
  try {
    const event = JSON.parse(body.toString('utf8'));
    if (handler[STREAMING] === 'response') return await runStreaming(connection, handler, event, headers);
    const result = await call(connection, handler, event, headers);
    try {
      answer = JSON.stringify(result === undefined ? null : result);
      if (answer === undefined) answer = 'null';
    } catch (error) {
      throw new Error('Unable to stringify response body');
    }
  } catch (error) {
    logError('Invoke Error', error);
    const described = describeError(error);
    to = 'error';
    type = described.errorType;
    answer = JSON.stringify(described);
  }
  return connection.answer(requestId, to, answer, type);
}

async function serve(connection) {
  let invocation = await connection.ask();
  for (;;) {
    const { status, headers, body } = invocation;
    if (status !== 200) process.exit(1);
    const requestId = headers['lambda-runtime-aws-request-id'];
    if (current) {
      invocation = await current.run(requestId, () => work(connection, headers, body));
    } else {
      onlyRequestId = requestId;
      if (headers['lambda-runtime-trace-id']) process.env._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id'];
      invocation = await work(connection, headers, body);
    }
  }
}

started = true;
await Promise.all([connection, ...Array.from({ length: atOnce - 1 }, () => new Connection())].map(serve));
