//! Answers that come in pages, each of which links to the next one.

use std::{
    collections::HashSet,
    fmt,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::http::{
    HeaderMap, Method,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};
use futures_util::Stream;
use reqwest::Url;

use super::{
    Backend, BackendError, BackendRequest, BackendResponse, Caller, Limits, Result, request::Who,
};

/// How many pages an answer may have, unless the author says otherwise.
const MAX_PAGES: usize = 1000;

impl BackendRequest {
    /// The answers in pages, each asked for as [`send_as`](Self::send_as) does: this request's, then the one that its
    /// `Link` header names as `next` (RFC 8288), and so on, with the headers and the time limits of this request.
    ///
    /// ```no_run
    /// use apikit::{Backend, Caller, Result};
    ///
    /// async fn names(backend: Backend, caller: &Caller) -> Result<Vec<String>> {
    ///     let mut names = Vec::new();
    ///     let mut pages = backend.get("/names").query(&[("per_page", 100)]).pages_as(caller);
    ///     while let Some(page) = pages.next().await {
    ///         names.extend(page?.json::<Vec<String>>().await?);
    ///     }
    ///     Ok(names)
    /// }
    /// ```
    ///
    /// # Errors
    /// As there, as the last item. 502 where pages lead in circles, to another origin, or to more than a thousand or
    /// [so many](Pages::at_most).
    pub fn pages_as(self, caller: &Caller) -> Pages {
        Pages::new(self, Who::Caller, caller.clone())
    }

    /// The answers in pages, each asked for as [`send_for`](Self::send_for) does.
    ///
    /// # Errors
    /// As [`pages_as`](Self::pages_as).
    pub fn pages_for(self, caller: &Caller) -> Pages {
        Pages::new(self, Who::Service, caller.clone())
    }

    /// The answers in pages, each asked for as [`send`](Self::send) does.
    ///
    /// # Errors
    /// As [`pages_as`](Self::pages_as).
    pub fn pages(self) -> Pages {
        Pages::new(self, Who::Service, Caller::anonymous())
    }
}

/// The pages of an answer, each asked for when it is wanted. It is a stream, too.
#[must_use = "no page is asked for until it is wanted"]
pub struct Pages {
    rest: Option<Rest>,
    asking: Option<Asking>,
}

type Asking = Pin<Box<dyn Future<Output = (Rest, Result<BackendResponse>)> + Send>>;

impl Pages {
    fn new(first: BackendRequest, who: Who, caller: Caller) -> Self {
        let rest = Rest {
            backend: first.backend().clone(),
            headers: HeaderMap::new(),
            below: None,
            next: Some(Next::First(Box::new(first))),
            seen: HashSet::new(),
            limit: MAX_PAGES,
            count: 0,
            who,
            caller,
        };
        Self {
            rest: Some(rest),
            asking: None,
        }
    }

    /// Takes more pages than `limit` for an error.
    pub fn at_most(mut self, limit: usize) -> Self {
        if let Some(rest) = &mut self.rest {
            rest.limit = limit;
        }
        self
    }

    /// The next page; `None` after the last one, and after an error.
    ///
    /// # Errors
    /// As [`BackendRequest::pages_as`].
    pub async fn next(&mut self) -> Option<Result<BackendResponse>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Stream for Pages {
    type Item = Result<BackendResponse>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(rest) = self.rest.take() {
            self.asking = rest.asking();
        }
        let Some(asking) = &mut self.asking else {
            return Poll::Ready(None);
        };
        let (rest, page) = ready!(asking.as_mut().poll(cx));
        self.asking = None;
        self.rest = page.is_ok().then_some(rest);
        Poll::Ready(Some(page))
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pages")
    }
}

/// The pages that are yet to come.
struct Rest {
    backend: Backend,
    /// The headers of the first request.
    headers: HeaderMap,
    /// Where no redirect of the first request may lead out of.
    below: Option<Box<str>>,
    next: Option<Next>,
    seen: HashSet<Url>,
    limit: usize,
    count: usize,
    who: Who,
    caller: Caller,
}

enum Next {
    First(Box<BackendRequest>),
    Page(Url, Limits),
}

impl Rest {
    /// The next page on its way, with what comes after it; `None` after the last one.
    fn asking(mut self) -> Option<Asking> {
        let request = match self.next.take()? {
            Next::First(request) => Ok(*request),
            Next::Page(url, limits) => self.request(&url, limits),
        };
        Some(Box::pin(async move {
            let page = match request {
                Ok(request) => self.page(request).await,
                Err(error) => Err(error),
            };
            (self, page)
        }))
    }

    async fn page(&mut self, request: BackendRequest) -> Result<BackendResponse> {
        let (backend, ready) = request.ready()?;
        let limits = ready.limits;
        if self.count == 0 {
            self.headers.clone_from(ready.request.headers());
            self.headers.remove(CONTENT_TYPE);
            self.headers.remove(CONTENT_LENGTH);
            self.below.clone_from(&ready.below);
        }
        self.count += 1;
        self.seen.insert(ready.request.url().clone());
        let page = backend.send(ready, self.who, &self.caller).await?;
        self.next = page.link("next").map(|url| Next::Page(url, limits));
        Ok(page)
    }

    fn request(&self, url: &Url, limits: Limits) -> Result<BackendRequest> {
        let (name, url) = (self.backend.inner.name, self.backend.own(url)?);
        if self.seen.contains(&url) {
            let circle = format!("The {name}'s pages lead in circles.");
            return Err(BackendError::bad_gateway(circle));
        }
        if self.count >= self.limit {
            let limit = self.limit;
            let many = format!(
                "The {name} has more than {limit} pages, which are all that are asked for."
            );
            return Err(BackendError::bad_gateway(many));
        }
        // A page elsewhere is one that the back-end itself names, and no part of its path is a caller's.
        let below = self.below.clone();
        let below = below.filter(|below| url.path().starts_with(&**below));
        let request = BackendRequest::new(self.backend.clone(), Method::GET, Ok(url));
        let request = request.headers(self.headers.clone()).within(limits);
        Ok(request.below(below))
    }
}
