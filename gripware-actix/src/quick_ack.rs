//! For an origin whose proxy writes a request's head and body apart.

use std::any::Any;

use actix_web::dev::{Extensions, ServiceRequest};

/// Has connections acknowledge at once what they have read, in
/// [`HttpServer::on_connect`](actix_web::HttpServer::on_connect).
///
/// Pushpin from 1.37 on writes the head of a request and then its body, and does not turn off
/// Nagle's algorithm: the body waits until the head is acknowledged, and systems take their time
/// with that, 40 ms on Linux. Each turn of a WebSocket is then as late. With this
/// [`GripMiddleware`](crate::GripMiddleware) asks the system to acknowledge, when a request begins
/// and after each piece of its body.
///
/// It takes a second descriptor for each connection, and a system call for each piece. It does so
/// on Linux and Android (`TCP_QUICKACK`) and without TLS; otherwise it does nothing.
///
/// ```
/// use actix_web::{App, HttpServer};
/// use gripware_actix::{Grip, GripMiddleware, quick_ack};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let grip = Grip::from_env()?;
/// let server = HttpServer::new(move || App::new().wrap(GripMiddleware::new(&grip)))
///     .on_connect(quick_ack);
/// # let _ = server;
/// # Ok(())
/// # }
/// ```
pub fn quick_ack(connection: &dyn Any, data: &mut Extensions) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    connection::keep(connection, data);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = (connection, data);
}

/// Acknowledges a request's head, and its body piece by piece, where [`quick_ack`] has seen its
/// connection.
pub(crate) fn acknowledge(request: &mut ServiceRequest) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    connection::acknowledge(request);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = request;
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod connection {
    use std::{
        any::Any,
        os::fd::{AsFd as _, OwnedFd},
        pin::Pin,
        rc::Rc,
        task::{Context, Poll, ready},
    };

    use actix_web::{
        HttpMessage as _,
        dev::{Extensions, Payload, ServiceRequest},
        error::PayloadError,
        rt::net::TcpStream,
    };
    use bytes::Bytes;
    use futures_core::Stream;
    use socket2::SockRef;

    /// The connection of a request, by a descriptor of its own: the server keeps the stream.
    #[derive(Clone)]
    pub(super) struct Connection(Rc<OwnedFd>);

    impl Connection {
        /// What has arrived is acknowledged now. The system forgets this wish when the next answer
        /// is written. Where it fails the connection is slower.
        fn acknowledge(&self) {
            let _ = SockRef::from(&*self.0).set_tcp_quickack(true);
        }

        #[cfg(test)]
        pub(super) fn acknowledges(&self) -> bool {
            SockRef::from(&*self.0).tcp_quickack().unwrap()
        }
    }

    /// A request's body.
    struct Body {
        payload: Payload,
        connection: Connection,
    }

    impl Stream for Body {
        type Item = Result<Bytes, PayloadError>;

        fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            let body = self.get_mut();
            let piece = ready!(Pin::new(&mut body.payload).poll_next(cx));
            body.connection.acknowledge();
            Poll::Ready(piece)
        }
    }

    pub(super) fn keep(connection: &dyn Any, data: &mut Extensions) {
        if let Some(stream) = connection.downcast_ref::<TcpStream>()
            && let Ok(descriptor) = stream.as_fd().try_clone_to_owned()
        {
            data.insert(Connection(Rc::new(descriptor)));
        }
    }

    pub(super) fn acknowledge(request: &mut ServiceRequest) {
        let Some(connection) = request.conn_data::<Connection>().cloned() else {
            return;
        };
        connection.acknowledge();
        let payload = request.take_payload();
        if matches!(payload, Payload::None) {
            return;
        }
        let payload = Box::pin(Body {
            payload,
            connection,
        });
        request.set_payload(Payload::Stream { payload });
    }
}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
mod tests {
    use std::{
        io::{self, Read as _, Write as _},
        net::{SocketAddr, TcpListener, TcpStream},
    };

    use actix_web::{App, HttpRequest, HttpServer, rt, web};
    use gripware_publish::Grip;

    use super::{connection::Connection, quick_ack};
    use crate::GripMiddleware;

    /// Whether the system acknowledges at once after the body has been read.
    async fn state(request: HttpRequest, _body: web::Bytes) -> &'static str {
        match request.conn_data::<Connection>() {
            Some(connection) if connection.acknowledges() => "quick",
            Some(_) => "later",
            None => "none!",
        }
    }

    /// Asks over one connection, and returns the answers' bodies.
    fn ask(address: SocketAddr) -> io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        let mut ask = |path: &str| {
            let ask = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
            stream.write_all(ask.as_bytes())?;
            let mut answer = Vec::new();
            let mut byte = [0];
            while !answer.ends_with(b"\r\n\r\n") {
                stream.read_exact(&mut byte)?;
                answer.push(byte[0]);
            }
            let mut body = [0; 5];
            stream.read_exact(&mut body)?;
            Ok::<_, io::Error>(body)
        };
        // Question and answer are what a system learns from that it may take its time.
        while &ask("/bare")? != b"later" {}
        let answers = [ask("/grip")?, ask("/grip")?].concat();
        Ok(String::from_utf8_lossy(&answers).into_owned())
    }

    #[actix_web::test]
    async fn a_connection_never_takes_its_time_to_acknowledge() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let grip = Grip::builder().build().unwrap();
        let server = HttpServer::new(move || {
            let grip = web::resource("/grip").wrap(GripMiddleware::new(&grip));
            App::new()
                .service(grip.to(state))
                .route("/bare", web::to(state))
        });
        let server = server
            .on_connect(quick_ack)
            .workers(1)
            .listen(listener)
            .unwrap()
            .run();
        let handle = server.handle();
        let serving = rt::spawn(server);
        let answers = web::block(move || ask(address)).await.unwrap().unwrap();
        assert_eq!(answers, "quickquick");
        handle.stop(false).await;
        serving.await.unwrap().unwrap();
    }
}
