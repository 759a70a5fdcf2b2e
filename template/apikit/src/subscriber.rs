//! What logs and traces share: the type of their layers, and the target of spans that are for traces alone.

use tracing_subscriber::{Layer, Registry};

/// A layer that sees spans and events: it writes log lines, or exports traces.
pub type SubscriberLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// The target of spans that are not for the log: where no traces are exported, they are not made.
pub(crate) const UNLOGGED: &str = "unlogged";
