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

// Since Node.js 24, and on managed instances, AWS's runtime is its fourth: without callbacks, it neither waits for the
// loop to run empty nor listens for errors that nobody catches.
const runtime = process.env.AWS_EXECUTION_ENV ?? '';
const isFourth = Number(runtime.match(/nodejs(\d+)/)?.[1]) >= 24 || process.env.AWS_LAMBDA_MAX_CONCURRENCY !== undefined;

/// The runtime's own errors. Their traces begin with their types.
const faults = {};
for (const name of [
  'CallbackHandlerDeprecated',
  'HandlerNotFound',
  'ImportModuleError',
  'InvalidStreamingOperation',
  'MalformedHandlerName',
  'UnhandledPromiseRejection',
  'UserCodeSyntaxError',
]) {
  faults[name] = { [name]: class extends Error {} }[name];
  faults[name].prototype.name = `Runtime.${name}`;
}

/// What the process tells Tule, given the error that ends it; nothing between invocations.
let lastWords;
let dying = false;
/// What is done when a handler has nothing left to wait for.
let whenEmpty = () => {};
process.on('beforeExit', () => whenEmpty());

/// The rest of this turn of the loop, in which what a handler has left behind may fail. A process that dies of that goes
/// no further.
async function turn() {
  await new Promise((done) => setImmediate(done));
  if (dying) await new Promise(() => {});
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
    // Only what a handler waits for keeps the loop going while there is one, as nothing of AWS's runtime does.
    this.socket.unref();
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
      end += `Lambda-Runtime-Function-Error-Type: ${typeHeader(error.errorType)}\r\n`;
      end += `Lambda-Runtime-Function-Error-Body: ${Buffer.from(JSON.stringify(error)).toString('base64')}\r\n`;
    }
    this.socket.write(end + '\r\n');
    const taken = this.read();
    lastWords = () => taken;
    await turn();
    if ((await taken).status === 403) process.exit(1);
    lastWords = undefined;
    return this.ask();
  }

  /// The next invocation.
  ask() {
    this.socket.write(this.next);
    return this.read();
  }

  /// Answers an invocation, and gives the next one.
  async answer(requestId, end, body, type) {
    const to = `invocation/${requestId}/${end}`;
    lastWords = () => this.post(to, body, type);
    await turn();
    lastWords = undefined;
    const given = await this.post(`${to}?then=next`, body, type);
    // One that is too large is refused, and ends nothing.
    return given.status === 413 ? this.ask() : given;
  }

  post(to, body, type, contentType = 'application/json') {
    const bytes = Buffer.from(body);
    let head = `POST /2018-06-01/runtime/${to} HTTP/1.1\r\nHost: ${this.host}\r\nContent-Type: ${contentType}\r\nContent-Length: ${bytes.length}\r\n`;
    if (type) head += `Lambda-Runtime-Function-Error-Type: ${typeHeader(type)}\r\n`;
    this.socket.write(Buffer.concat([Buffer.from(head + '\r\n', 'latin1'), bytes]));
    return this.read();
  }
}

function typeHeader(type) {
  return String(type).replace(/[^\x20-\x7e]/g, '?');
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

// A line of the console's is one of its own, whatever else was written before it and not ended.
let isLineOpen = false;
const stdout = Object.getOwnPropertyDescriptor(process, 'stdout');
let watched;
function watchedStdout() {
  if (watched) return watched;
  watched = stdout.get.call(process);
  const write = watched.write;
  watched.write = function (chunk, ...rest) {
    if (chunk?.length) isLineOpen = !['\n', 10].includes(chunk.at(-1));
    return write.call(this, chunk, ...rest);
  };
  return watched;
}
Object.defineProperty(process, 'stdout', { ...stdout, get: watchedStdout });

function writeEvent(text) {
  // A carriage return keeps the lines of one message in one log event. Written at once: it must not overtake or trail
  // the answer.
  const bytes = Buffer.from((isLineOpen ? '\n' : '') + text.replace(/\r?\n/g, '\r') + '\n');
  isLineOpen = false;
  for (let at = 0; at < bytes.length; ) {
    try {
      at += fs.writeSync(1, bytes, at);
    } catch (error) {
      if (error.code !== 'EAGAIN') return;
    }
  }
}

function describeError(error) {
  try {
    const clean = (text) => text?.replace(/\x7f/g, '%7F');
    const isText = (part) => part && typeof part === 'string';
    if (util.types.isNativeError(error) || [error?.name, error?.message, error?.stack].every(isText)) {
      const trace = clean(shown(error.stack)).split('\n');
      return { errorType: clean(error.name), errorMessage: clean(error.message), trace };
    }
    return { errorType: typeof error, errorMessage: String(error), trace: [] };
  } catch {
    return {
      errorType: 'handled',
      errorMessage:
        'callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack',
    };
  }
}

function shown(text) {
  return text
    .replaceAll(import.meta.url, 'file:///var/runtime/index.mjs')
    .replaceAll(pathToFileURL(root).href + '/', 'file:///var/task/')
    .replaceAll(root + '/', '/var/task/');
}

function stackLines(error) {
  return typeof error.stack === 'string' ? shown(error.stack).split('\n') : undefined;
}

/// What lines in JSON say of an error.
function errorFields(error) {
  const errorType = error.constructor?.name ?? 'UnknownError';
  return { errorType, errorMessage: error.message, stackTrace: stackLines(error) };
}

function jsonLine(line, message, more) {
  if (more.length) {
    const failed = [message, ...more].find((value) => value instanceof Error);
    return JSON.stringify({ ...line, message: util.format(message, ...more), ...(failed && errorFields(failed)) });
  }
  try {
    const replace = (_, value) => (value instanceof Error ? { ...errorFields(value), ...value } : value);
    return JSON.stringify({ ...line, message }, replace);
  } catch {
    return JSON.stringify({ ...line, message: util.format(message) });
  }
}

function setUpConsole() {
  const at = (level) => (message, ...more) => {
    if (levels.indexOf(level) < least) return;
    const timestamp = new Date().toISOString();
    const requestId = requestIdNow() ?? (isFourth ? '-' : undefined);
    if (asJson) return writeEvent(jsonLine({ timestamp, level, requestId }, message, more));
    writeEvent(`${timestamp}\t${requestId}\t${level}\t${util.format(message, ...more)}`);
  };
  console.trace = at('TRACE');
  console.debug = at('DEBUG');
  console.log = at('INFO');
  console.info = at('INFO');
  console.warn = at('WARN');
  console.error = at('ERROR');
  console.fatal = at('FATAL');
}

function logError(title, thrown) {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  if (asJson) return console.error(error);
  const replace = (_, value) => {
    if (!(value instanceof Error)) return value;
    const { name: errorType, message: errorMessage, code } = value;
    return { errorType, errorMessage, code, ...value, stack: stackLines(value) };
  };
  let text;
  try {
    text = JSON.stringify(error, replace);
  } catch {
    text = JSON.stringify(describeError(error));
  }
  console.error(title, `\t${text}`);
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
  if (handler.includes('..')) {
    throw new faults.MalformedHandlerName(
      `'${handler}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`,
    );
  }
  if (dot < 1) throw new faults.MalformedHandlerName('Bad handler');
  const module = path.join(handler.slice(0, handler.length - base.length), base.slice(0, dot));
  const name = base.slice(dot + 1);
  let loaded;
  try {
    loaded = await loadModule(path.resolve(root, module), module);
  } catch (error) {
    if (error instanceof SyntaxError) {
      const fault = new faults.UserCodeSyntaxError(String(error));
      if (isFourth) fault.stack = error.stack;
      throw fault;
    }
    if (error.code === 'MODULE_NOT_FOUND') throw new faults.ImportModuleError(shown(String(error)));
    throw error;
  }
  let found = loaded;
  for (const part of name.split('.')) found = found?.[part];
  if (found === undefined && loaded?.default) found = name.split('.').reduce((at, part) => at?.[part], loaded.default);
  if (found === undefined) throw new faults.HandlerNotFound(`${handler} is undefined or not exported`);
  if (typeof found !== 'function') throw new faults.HandlerNotFound(`${handler} is not a function`);
  if (isFourth && found.length >= 3 && found[STREAMING] !== 'response') {
    const which =
      runtime === 'AWS_Lambda_nodejs22.x'
        ? 'does not support callback-based function handlers when using Node.js 22 with Managed Instances. To use Managed Instances, modify this function to use a supported handler signature.'
        : 'has removed support for callback-based function handlers starting with Node.js 24. You need to modify this function to use a supported handler signature to use Node.js 24 or later.';
    throw new faults.CallbackHandlerDeprecated(
      `ERROR: AWS Lambda ${which} For more information see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.`,
    );
  }
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

/// The context of an invocation; `own` is what it has beside what Lambda tells of itself.
function contextOf(headers, own) {
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  const parse = (text) => (text ? JSON.parse(text) : undefined);
  return {
    ...own,
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
    ...(isFourth && { xRayTraceId: headers['lambda-runtime-trace-id'] }),
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

function isPromise(value) {
  return typeof value?.then === 'function';
}

/// Gives what a handler answers, or throws what it fails with.
function call(handler, event, headers) {
  if (isFourth) {
    whenEmpty = () => process.exit(0);
    return handler(event, contextOf(headers));
  }
  return new Promise((resolve, reject) => {
    let settled = false;
    const once = (settle) => (...given) => {
      if (settled) return;
      settled = true;
      settle(...given);
    };
    const isNothing = (error) => error === undefined || error === null;
    const done = (error, result) => (isNothing(error) ? resolve(result) : reject(error));
    const succeed = once(resolve);
    const fail = once((error) => reject(error ?? 'handled'));
    const context = contextOf(headers, { callbackWaitsForEmptyEventLoop: true, succeed, fail, done: once(done) });
    const callback = once((error, result) => {
      if (!isNothing(error) || !context.callbackWaitsForEmptyEventLoop) return done(error, result);
      whenEmpty = () => resolve(result);
    });
    whenEmpty = () => resolve(null);
    try {
      const returned = handler(event, context, callback);
      if (isPromise(returned)) returned.then(succeed, fail);
    } catch (error) {
      callback(error);
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
    if (this.began) throw new faults.InvalidStreamingOperation('Cannot set content-type, too late.');
    this.contentType = type;
  }

  write(chunk, ...rest) {
    const isData = typeof chunk === 'string' || chunk instanceof Uint8Array;
    return super.write(isData ? chunk : JSON.stringify(chunk), ...rest);
  }

  _write(chunk, encoding, done) {
    this.begin();
    this.connection.chunk(Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk, encoding), done);
  }

  begin() {
    if (this.began) return;
    this.began = true;
    // An error of the invocation cannot be told in the middle of its answer.
    lastWords = undefined;
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

/// Runs a streaming handler to the end of its stream. Gives Tule's answer, or throws what failed before anything was sent.
async function runStreaming(connection, handler, event, headers) {
  const stream = new ResponseStream(connection, `invocation/${requestIdNow()}/response`);
  const ended = new Promise((done, failed) => {
    stream.on('finish', done).on('error', failed);
    stream.on('close', () => failed(new Error('Response stream is not finished.')));
  });
  ended.catch(() => {});
  let failure;
  try {
    const returned = handler(event, stream, contextOf(headers, isFourth ? {} : { callbackWaitsForEmptyEventLoop: true }));
    if (!isPromise(returned)) throw new Error('Streaming does not support non-async handlers.');
    if ((await returned) !== undefined) console.warn('Streaming handlers ignore return values.');
    await ended;
  } catch (error) {
    if (!stream.began && !stream.writableEnded) {
      stream.destroy();
      throw error;
    }
    logError('Invoke Error', error);
    // Who asked has the whole answer where the stream has ended.
    if (!stream.writableEnded) failure = describeError(error);
    if (!stream.destroyed) {
      stream.end();
      await ended.catch(() => {});
    }
  }
  stream.begin();
  return connection.finish(failure);
}

/// Ends the process, and tells Tule why.
async function fail(title, error, status) {
  // Between invocations it must not be given another one.
  if (!lastWords) connection.socket.destroy();
  logError(title, error);
  if (dying) return;
  dying = true;
  if (current && started) process.exit(status);
  connection.socket.ref();
  await lastWords?.(describeError(error));
  process.exit(status);
}

const connection = new Connection();
setUpConsole();
lastWords = (error) => connection.post('init/error', JSON.stringify(error), error.errorType);
if (!isFourth || current) {
  process.on('uncaughtException', (error) => fail('Uncaught Exception', error, 129));
  process.on('unhandledRejection', (reason, promise) => {
    const error = Object.assign(new faults.UnhandledPromiseRejection(reason), { reason, promise });
    fail('Unhandled Promise Rejection', error, 128);
  });
}

let handler;
try {
  if (sdk && !sdk.startsWith('/var/')) resolveLikeLambda();
  await waitForDebugger();
  handler = await load(process.env._HANDLER ?? '');
} catch (error) {
  await (isFourth ? fail('Init Error', error, 1) : fail('Uncaught Exception', error, 129));
}

/// Works on one invocation, and gives the next one.
async function work(connection, headers, body) {
  const requestId = requestIdNow();
  const toError = `invocation/${requestId}/error`;
  lastWords = (error) => connection.post(toError, JSON.stringify(error), error.errorType);
  let to = 'response';
  let answer;
  let type;
  try {
    const event = JSON.parse(body.toString('utf8'));
    if (handler[STREAMING] === 'response') return await runStreaming(connection, handler, event, headers);
    // Where several are worked on at once the loop is never empty.
    if (!current) connection.socket.unref();
    const result = await call(handler, event, headers);
    try {
      answer = JSON.stringify(result === undefined ? null : result) ?? 'null';
    } catch {
      throw new Error('Unable to stringify response body');
    }
  } catch (error) {
    logError('Invoke Error', error);
    const described = describeError(error);
    to = 'error';
    type = described.errorType;
    answer = JSON.stringify(described);
  }
  connection.socket.ref();
  return connection.answer(requestId, to, answer, type);
}

async function serve(connection) {
  connection.socket.ref();
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

await turn();
lastWords = undefined;
started = true;
await Promise.all([connection, ...Array.from({ length: atOnce - 1 }, () => new Connection())].map(serve));
