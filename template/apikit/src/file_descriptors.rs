//! How many file descriptors the process may have: each connection is one, to a client or to a back-end.

/// Raises the limit of the process to what the system allows it, as Go's and Java's runtimes do. Containers begin with 1,024
/// where nobody has set another limit for their engine.
pub(crate) fn raise_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let maximum = getrlimit(Resource::Nofile).maximum;
        let current = maximum;
        // Where it is refused, the limit is as it was.
        let _ = setrlimit(Resource::Nofile, Rlimit { current, maximum });
    }
}

/// The limit; `None` where there is none, or nobody knows it.
pub(crate) fn limit() -> Option<usize> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit};
        let limit = getrlimit(Resource::Nofile).current?;
        Some(usize::try_from(limit).unwrap_or(usize::MAX))
    }
    #[cfg(not(unix))]
    None
}
