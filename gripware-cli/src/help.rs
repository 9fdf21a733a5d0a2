//! The parts of the help that are no table.

pub(crate) const SHORT: &str = "\
Every flag can be set as GRIPWARE_HUB_NAME in the environment, or in the file of --config.
More: --help";

pub(crate) const LONG: &str = "\
Units:
  SIZE is a number of bytes, or one with KiB, MiB or GiB: 65536, 64KiB.
  TIME is a number of seconds, or one with ms, s, m or h: 5, 2.5, 500ms, 1h 30m.
  BOOL may be left out for true: --development, --development=false.

Environment and file:
  Every flag has a variable: GRIPWARE_HUB_ and its name in capitals, with _ for each dash, such as
  GRIPWARE_HUB_ORIGIN or GRIPWARE_HUB_QUEUE_BYTES. The file of --config is TOML and has the same
  names as the flags; what it names and is no setting is an error. A flag wins over the environment,
  and the environment over the file. A relative file:PATH in it starts from its folder.

  Secrets are better given by the environment, by the file, or as file:PATH: other users of the
  machine can read a command line.

Examples:
  In front of an application on port 3000:

    gripware-hub --origin http://127.0.0.1:3000 --sig-key changeme

    GRIP_URL='http://127.0.0.1:5561/?verify-iss=gripware&verify-key=changeme'
    curl -d '{\"items\":[{\"channel\":\"room\",\"formats\":{\"http-stream\":{\"content\":\"hi\\n\"}}}]}' \\
      http://127.0.0.1:5561/publish/

  For the public, with secrets in files:

    gripware-hub --config /etc/gripware-hub.toml --listen [::]:80

    origin = \"http://app.internal:3000\"
    sig-key = \"file:sig-key.hex\"
    control-key = \"file:control-key\"

    GRIP_URL='http://127.0.0.1:5561/?key=CONTROL-KEY&verify-iss=gripware&verify-key=SIG-KEY'

  With publishers on other machines, who send the key over TLS alone (with a CA of one's own: in
  SSL_CERT_FILE of each):

    gripware-hub --config /etc/gripware-hub.toml --control 10.0.0.5:5561 \\
      --control-tls-cert hub.crt.pem --control-tls-key hub.key.pem

    GRIP_URL='https://hub.internal:5561/?key=CONTROL-KEY&verify-iss=gripware&verify-key=SIG-KEY'

  The same without TLS, in a network where nobody else can listen. Every publisher logs a warning:

    gripware-hub --config /etc/gripware-hub.toml --control 10.0.0.5:5561

    GRIP_URL='http://10.0.0.5:5561/?key=CONTROL-KEY&verify-iss=gripware&verify-key=SIG-KEY'
    GRIP_ALLOW_INSECURE_CREDENTIALS=true

  Several applications, one of them as two processes:

    gripware-hub --origin http://127.0.0.1:3000 \\
      --route 'shop.example,path_beg=/api/ http://10.0.0.1:80 http://10.0.0.2:80,timeout=10' \\
      --route 'shop.example,path_beg=/live/ http://10.0.0.3:80,native_ws' \\
      --route '*.partner.example https://partner.example,untrusted'

  Two nodes that are one, with a load balancer in front of them that asks /ready:

    gripware-hub --origin http://app.internal:3000 --relay redis://redis.internal --cluster shop

Control API, on the address of --control:
  GET    /                              Pushpin API: it is there; needs no key
  GET    /ready                         200 if clients may be sent here, else 503; needs no key
  POST   /publish/                      {\"items\":[...]}; Grip-Subscribers says for how many clients
                                        of this node, or of all with ?count=all
  POST   /recover/                      clients ask the origin what they missed
  GET    /metrics                       counters and gauges for Prometheus
  GET    /channels                      JSON: name, subscribers by kind; 1000 at a time
  GET    /connections                   JSON: id, kind, channels, age, peer, queued bytes;
                                        1000 at a time, the next ones by the Link header
  DELETE /connections/{id}              ends one
  POST   /connections/{id}/publish/     items for one; they need no channel

Signals:
  SIGTERM, SIGINT   accept nothing more, end all holds within --drain, exit with 0
  the same again    exit at once
  SIGHUP            read origins and routes again, and certificates at once, which otherwise
                    takes up to 10 s; clients that are held stay

Exit status: 0 after a signal or --help, 1 where an address cannot be used or serving failed or
the end was cut short, 2 where the configuration is wrong.";
