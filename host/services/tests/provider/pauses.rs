//! Pauses that end when the test says so.

use tokio::sync::{Mutex, mpsc};
use usher_runtime::BoxFuture;
use usher_services::clock::Pauses;

/// Each pause says that it has begun, and ends when it is let go.
pub struct Held {
    begun: mpsc::UnboundedSender<()>,
    go: Mutex<mpsc::UnboundedReceiver<()>>,
}

impl Held {
    /// The pauses, what tells that one has begun, and what lets one go.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<()>, mpsc::UnboundedSender<()>) {
        let ((begun, begins), (let_go, go)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
        (Self { begun, go: Mutex::new(go) }, begins, let_go)
    }
}

impl Pauses for Held {
    fn pause(&self, _: std::time::Duration) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.begun.send(()).unwrap();
            self.go.lock().await.recv().await.unwrap();
        })
    }

    fn chance(&self) -> f64 {
        0.5
    }
}
