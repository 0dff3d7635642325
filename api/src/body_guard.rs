//! Answers that hold a guard, such as a permit, until they are read: a caller who asks for many answers and reads none
//! takes only their share of the memory.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::Error;
use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use http_body::{Frame, SizeHint};

/// Bytes that are given to the connection at once. What it has taken counts as read, and it takes no more before that is
/// sent.
const PIECE: usize = 64 * 1024;

/// The same answer, which holds this guard until its last byte is taken or nobody reads it any more.
pub fn with_guard<P: Send + Unpin + 'static>(response: Response, guard: P) -> Response {
    response.map(|body| Body::new(GuardedBody { body, rest: Bytes::new(), _guard: guard }))
}

struct GuardedBody<P> {
    body: Body,
    /// What the body has given, and the connection has not taken.
    rest: Bytes,
    _guard: P,
}

impl<P: Unpin> HttpBody for GuardedBody<P> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.rest.is_empty() {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => frame,
                end => return Poll::Ready(end),
            };
            match frame.into_data() {
                Ok(data) => self.rest = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        let bytes = self.rest.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(bytes)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (of_body, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(of_body.lower() + rest);
        if let Some(upper) = of_body.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn an_answer_holds_its_place_until_its_last_byte_is_taken() {
        let (all, guard) = (vec![7; 2 * PIECE + 1], Arc::new(()));
        let mut body = with_guard(Response::new(Body::from(all.clone())), Arc::clone(&guard)).into_body();
        let mut read = Vec::new();
        while !body.is_end_stream() {
            assert_eq!(body.size_hint().exact(), Some((all.len() - read.len()) as u64));
            assert_eq!(Arc::strong_count(&guard), 2);
            let piece = body.frame().await.unwrap().unwrap().into_data().unwrap();
            assert!(piece.len() <= PIECE);
            read.extend_from_slice(&piece);
        }
        drop(body);
        assert_eq!((read, Arc::strong_count(&guard)), (all, 1));
    }
}
