#!/bin/sh
# Starts a function's runtime under a debugger, which waits until somebody attaches. The runtimes of AWS's images give
# this the interpreter and its arguments, as they do to every AWS_LAMBDA_EXEC_WRAPPER; a function's own comes after it.
port=$TULE_DEBUG_PORT
wrapper=$TULE_DEBUG_WRAPPER
unset TULE_DEBUG_PORT TULE_DEBUG_WRAPPER AWS_LAMBDA_EXEC_WRAPPER
interpreter=$1
shift
case ${interpreter##*/} in
  node*)
    case $("$interpreter" --version) in
      # Older ones can only stop before the first line.
      v1[0-9].*) set -- "--inspect-brk=127.0.0.1:$port" "$@" ;;
      *) set -- "--inspect-wait=127.0.0.1:$port" "$@" ;;
    esac
    ;;
  python*)
    # The function's own debugpy comes first.
    PYTHONPATH=${PYTHONPATH:+$PYTHONPATH:}/var/task:/var/debugpy
    export PYTHONPATH
    set -- -m debugpy --listen "127.0.0.1:$port" --wait-for-client "$@"
    ;;
esac
if [ -n "$wrapper" ]; then
  export AWS_LAMBDA_EXEC_WRAPPER="$wrapper"
  exec "$wrapper" "$interpreter" "$@"
fi
exec "$interpreter" "$@"
