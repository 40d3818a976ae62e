//! A connection's socket, which notes when a request's head begins and when the client stops reading.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::places::Connection;

/// The socket of a connection.
pub(super) struct Wire {
    stream: TcpStream,
    connection: Arc<Connection>,
}

impl Wire {
    /// Small writes leave at once, because an entry of an event stream would wait some 30 ms for the client's acknowledgement of the
    /// entry before (Nagle's algorithm).
    pub fn new(stream: TcpStream, connection: Arc<Connection>) -> Wire {
        // What fails here fails at the first read as well.
        let _ = stream.set_nodelay(true);
        Wire { stream, connection }
    }

    fn written<T>(&self, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.connection.wrote(polled.is_ready());
        polled
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.connection.read();
        }
        polled
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.written(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::super::bounds::Bounds;
    use super::super::places::{Entered, Places};
    use super::*;

    #[tokio::test]
    async fn a_small_write_does_not_wait_for_the_one_before() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let client = TcpStream::connect(listener.local_addr().expect("it has an address")).await.expect("it accepts");
        let (stream, _) = listener.accept().await.expect("a client came");
        let places = Places::new(&Bounds::new(&crate::config::Config::default().server, 1 << 20));
        let Entered::Place(place) = places.enter(None) else { panic!("the listener is empty") };
        assert!(Wire::new(stream, Arc::clone(place.connection())).stream.nodelay().expect("the socket is open"));
        drop(client);
    }
}
