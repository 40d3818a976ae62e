//! A request's body that fails where its client sends too slowly.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::bounds::Pace;

/// A body came more slowly than it may.
#[derive(Debug, thiserror::Error)]
#[error("the body came more slowly than {0} bytes a second")]
struct TooSlow(u32);

/// Whether reading a body failed because it came too slowly.
pub fn is_too_slow(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| error.is::<TooSlow>())
}

/// Bounds the time in which the server waits for a body: a grace, and then what the least rate takes for what has come.
///
/// Only waiting counts, so that a handler which reads slowly is not taken for a slow client.
pub(super) struct Paced<B> {
    body: B,
    pace: Pace,
    came: u64,
    waited: Duration,
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl<B> Paced<B> {
    pub fn new(body: B, pace: Pace) -> Paced<B> {
        Paced { body, pace, came: 0, waited: Duration::ZERO, waiting: None }
    }
}

impl<B> Body for Paced<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<axum::BoxError>,
{
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        let this = &mut *self;
        match Pin::new(&mut this.body).poll_frame(context) {
            Poll::Ready(frame) => {
                if let Some((since, _)) = this.waiting.take() {
                    this.waited += since.elapsed();
                }
                if let Some(Ok(frame)) = &frame {
                    this.came += frame.data_ref().map_or(0, |bytes| bytes.len() as u64);
                }
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending => {
                let left = this.pace.patience(this.came).saturating_sub(this.waited);
                let (_, sleep) = this.waiting.get_or_insert_with(|| {
                    let now = Instant::now();
                    (now, Box::pin(tokio::time::sleep_until(now + left)))
                });
                if sleep.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                metrics::counter!("sambung_requests_too_slow_total").increment(1);
                Poll::Ready(Some(Err(TooSlow(this.pace.rate).into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{StreamExt, stream};
    use http_body_util::{BodyExt, StreamBody};

    const GRACE: Duration = Duration::from_millis(300);

    fn body(pieces: usize, bytes: usize, pause: Duration) -> Paced<axum::body::Body> {
        let frames = stream::iter(0..pieces).then(move |_| async move {
            tokio::time::sleep(pause).await;
            Ok::<_, std::io::Error>(Frame::data(Bytes::from(vec![b'x'; bytes])))
        });
        let pace = Pace { grace: GRACE, rate: 1000 };
        Paced::new(axum::body::Body::new(StreamBody::new(frames)), pace)
    }

    #[tokio::test]
    async fn a_body_at_the_least_rate_arrives_however_long_it_takes() {
        let whole = body(40, 1000, Duration::from_millis(20)).collect().await.expect("it arrives");
        assert_eq!(whole.to_bytes().len(), 40_000);
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_or_comes_byte_by_byte_fails() {
        for (bytes, pause) in [(1000, 60_000), (1, 20)] {
            let error = body(1000, bytes, Duration::from_millis(pause)).collect().await.expect_err("too slow");
            assert!(is_too_slow(&*error), "{error}");
        }
    }

    #[tokio::test]
    async fn a_handler_that_reads_slowly_is_not_a_slow_client() {
        let mut body = body(10, 10, Duration::ZERO);
        for _ in 0..10 {
            tokio::time::sleep(GRACE / 4).await;
            body.frame().await.expect("a frame").expect("it arrives");
        }
    }
}
