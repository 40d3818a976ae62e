//! A request that changes something is carried out to its end though its client hangs up, because half of an act is worse than none.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;

/// The middleware: such a request runs in a task of its own.
pub async fn carry_out(request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    let done = tokio::spawn(next.run(request)).await;
    done.unwrap_or_else(|error| Problem::internal(&error).into_response())
}
