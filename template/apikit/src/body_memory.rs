//! The memory that bodies may take together: those of requests and of back-ends' answers that are held whole.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, gauge::ConstGauge},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    error::{BackendError, Result},
    memory_limit,
};

/// What a body may take without being counted, in bytes. Most bodies are smaller, and as many of them as requests may be
/// in flight do not take much.
const UNCOUNTED: usize = 16 * 1024;

/// What bodies may take where the process has no limit, in bytes.
const WITHOUT_LIMIT: usize = 512 * 1024 * 1024;

/// The `Retry-After` of a request for which there is no memory.
const FULL_FOR: Duration = Duration::from_secs(1);

/// The memory for bodies. Clones share it.
#[derive(Clone, Debug)]
pub struct BodyMemory {
    free: Arc<Semaphore>,
    size: usize,
}

impl BodyMemory {
    /// Memory for bodies of `size` bytes together.
    pub fn new(size: usize) -> Self {
        let size = size.min(Semaphore::MAX_PERMITS);
        Self {
            free: Arc::new(Semaphore::new(size)),
            size,
        }
    }

    /// A third of the memory limit of the process's control group; 512 MiB without one.
    pub fn of_process() -> Self {
        Self::new(memory_limit::third().unwrap_or(WITHOUT_LIMIT))
    }

    /// How many bytes there are in all.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Memory for so many bytes.
    ///
    /// # Errors
    /// 503 with `Retry-After`, when bodies take too much.
    pub(crate) fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit> {
        let count = u32::try_from(bytes).unwrap_or(u32::MAX);
        let free = self.free.clone();
        free.try_acquire_many_owned(count).map_err(|_| full())
    }

    /// Nothing yet, for a body that is about to be read.
    pub(crate) fn reserve(&self) -> Reserved {
        Reserved {
            memory: self.clone(),
            permit: None,
        }
    }
}

impl Collector for BodyMemory {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let taken = self.size - self.free.available_permits();
        for (name, help, bytes) in [
            (
                "body_memory_bytes",
                "What bodies take that are held whole.",
                taken,
            ),
            ("body_memory_limit_bytes", "What they may take.", self.size),
        ] {
            let gauge = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
            ConstGauge::new(bytes).encode(gauge)?;
        }
        Ok(())
    }
}

/// What is reserved for one body, until this is dropped.
#[derive(Debug)]
pub(crate) struct Reserved {
    memory: BodyMemory,
    /// None while the body is too short to count.
    permit: Option<OwnedSemaphorePermit>,
}

impl Reserved {
    /// Reserves what is missing for a body of `bytes`.
    ///
    /// # Errors
    /// 503 with `Retry-After`, when other bodies take too much.
    pub fn grow_to(&mut self, bytes: usize) -> Result<()> {
        let missing = bytes.saturating_sub(self.bytes());
        if bytes > UNCOUNTED && missing > 0 {
            let more = self.memory.take(missing)?;
            match &mut self.permit {
                Some(permit) => permit.merge(more),
                None => self.permit = Some(more),
            }
        }
        Ok(())
    }

    /// How much is reserved.
    pub fn bytes(&self) -> usize {
        self.permit
            .as_ref()
            .map_or(0, OwnedSemaphorePermit::num_permits)
    }

    /// `bytes` that take what is reserved along.
    pub fn hold(self, bytes: Bytes) -> Bytes {
        match self.permit {
            Some(permit) => held(bytes, permit),
            None => bytes,
        }
    }
}

/// 503: there is no memory for one more body.
pub(crate) fn full() -> BackendError {
    let why = "The service holds as many bodies as it has memory for.";
    BackendError::unavailable(why, FULL_FOR)
}

/// `bytes` that take along what is reserved for them.
pub(crate) fn held(bytes: Bytes, reserved: impl Send + 'static) -> Bytes {
    Bytes::from_owner(HeldBytes {
        bytes,
        _reserved: reserved,
    })
}

struct HeldBytes<T> {
    bytes: Bytes,
    _reserved: T,
}

impl<T> AsRef<[u8]> for HeldBytes<T> {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}
