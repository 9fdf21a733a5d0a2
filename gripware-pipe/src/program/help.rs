//! The parts of the help that are no table.

/// Behind the flags of `restpipe-server`.
pub(super) fn server() -> String {
    after(
        "restpipe-server",
        "RP_SERVER",
        "  restpipe-cert ca --dir certs
  restpipe-cert server pipe.example.com --dir certs
  restpipe-cert client fileserver --dir certs

  restpipe-server --pipe 0.0.0.0:1234 --web 127.0.0.1:8611 --revoked certs/revoked \\
    --ca certs/ca.crt.pem --cert certs/pipe.example.com.crt.pem \\
    --key certs/pipe.example.com.key.pem

  curl http://127.0.0.1:8611/client/fileserver/time",
    )
}

/// Behind the flags of `restpipe-client`.
pub(super) fn client() -> String {
    after(
        "restpipe-client",
        "RP_CLIENT",
        "  restpipe-client --server pipe.example.com:1234 --web 127.0.0.1:8612 \\
    --ca certs/ca.crt.pem --cert certs/fileserver.crt.pem --key certs/fileserver.key.pem \\
    --handler http://127.0.0.1:3000

  curl http://127.0.0.1:8612/server/time",
    )
}

fn after(name: &str, prefix: &str, example: &str) -> String {
    format!(
        "\
Units:
  SIZE is a number of bytes, or one with KiB or MiB: 65536, 64KiB.
  TIME is a number of seconds, or one with ms, s, m or h: 5, 2.5, 500ms, 1h 30m.
  BOOL may be left out for true: --development, --development=false.
  What may be repeated may also be given once, with commas.

Environment and file:
  Every flag has a variable: {prefix}_ and its name in capitals, with _ for each dash. The file of
  --config is TOML and has the same names as the flags. A flag wins over its variable, that over
  RestPipe's, that over the file, and the file over the default.

RestPipe's variables:
  BIND_IP, BIND_PORT                         --pipe (server); RP_SERVER_BIND_INTERFACE and _PORT too
  RP_CLIENT_TARGET_HOSTNAME, _PORT           --server (client), port 1234 without the second
  RP_SERVER_CERT_PATH, RP_CLIENT_CERT_PATH   the folder of --ca, --cert and --key, whose names are
                                             those of RP_CA_CRT_FILENAME (ca.crt.pem),
                                             RP_SERVER_CRT_FILENAME (restpipe.server.crt.pem),
                                             RP_SERVER_KEY_FILENAME, and likewise RP_CLIENT_...
  RP_CLIENT_HEARTBEAT_INTERVAL_S, _TIMEOUT_S --heartbeat, --heartbeat-timeout
  RP_STATSD_HOST, RP_STATSD_PORT             --statsd; without them nothing is sent
  DEBUG                                      1: --development and --log debug
  RP_EVENT_HANDLER_FQ_CLASS                  no effect: --handler, or a program of one's own
  RP_..._USER_CONFIG_MODULE                  no effect: --config
  RP_..._EVENT_CLASS, RP_GUNICORN_PATH       no effect

Responses of the entrance:
  The handler's status, and in X-Event-Return-Code 0 for 2xx and 3xx, 255 with 404 where there is no
  handler, 251 with 500 where it failed, or the handler's own. 404 for an unknown client, 503 for one
  that is not connected, 504 where it does not respond, 502 where the pipe was lost, each with
  {{\"exception\": {{\"message\", \"traceback\", \"class\"}}}}. GET /metrics is for Prometheus.

Signals:
  SIGTERM, SIGINT   begin nothing new, let calls end within --drain, exit with 0
  the same again    exit at once
  SIGHUP            nothing: files are read again without it

Exit status of {name}: 0 after a signal or --help, 1 where an address cannot be used, 2 where the
configuration is wrong.

Example:
{example}"
    )
}
