//! An answer of the back-end, read within limits of size and time.

use std::{fmt, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use encoding_rs::{Encoding, UTF_8};
use futures_util::{Stream, stream};
use reqwest::Url;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::{
    BackendError, Result,
    coding::{self, CodingError},
    download,
    failure::{failure, too_late},
    link,
    name::Name,
    redirect,
};
use crate::{
    body_memory::{BodyMemory, Reserved},
    request_context::RequestContext,
};

/// The largest body that is read into memory.
const MAX_BODY: usize = 16 * 1024 * 1024;

/// The headers that describe a body, and are passed on with it. Cookies and the like are not.
const OF_THE_BODY: [HeaderName; 10] = [
    header::ACCEPT_RANGES,
    header::CACHE_CONTROL,
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    header::ETAG,
    header::LAST_MODIFIED,
];

/// A successful answer of the back-end. `Debug` shows its status alone: headers may set cookies.
///
/// A handler may return it: then its status, its body and the headers that describe the body are passed on as they
/// come, however large it is.
///
/// ```
/// # use apikit::{Backend, Caller, Result, backend::BackendResponse};
/// # use axum::extract::{Path, State};
/// async fn report(
///     State(keeper): State<Backend>,
///     caller: Caller,
///     Path(name): Path<String>,
/// ) -> Result<BackendResponse> {
///     keeper.get("/reports").segment(&name).send_for(&caller).await
/// }
/// ```
pub struct BackendResponse {
    response: reqwest::Response,
    name: Name,
    /// How long its body may take; or each piece, where it is read as a stream.
    limit: Duration,
    holder: Holder,
}

/// Who holds the body in memory, once it is read.
#[derive(Clone)]
pub(super) struct Holder {
    pub memory: BodyMemory,
    /// The request in whose course the back-end was asked; none in the start, a task or a job.
    pub context: Option<Arc<RequestContext>>,
}

impl Holder {
    /// Memory for a body: what is reserved for the last one of the same request, as handlers rarely keep both.
    fn reserve(&self) -> Reserved {
        let context = self.context.as_ref();
        let kept = context.and_then(|context| context.held_bodies().take_kept());
        kept.unwrap_or_else(|| self.memory.reserve())
    }

    /// Holds what a body has become until the request is answered. Without a request, nobody knows how long.
    fn keep(&self, reserved: Reserved) {
        if let Some(context) = &self.context {
            context.held_bodies().keep(reserved);
        }
    }
}

impl fmt::Debug for BackendResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BackendResponse({})", self.status())
    }
}

impl BackendResponse {
    pub(super) fn new(
        response: reqwest::Response,
        name: Name,
        limit: Duration,
        holder: Holder,
    ) -> Self {
        Self {
            response,
            name,
            limit,
            holder,
        }
    }

    /// The status: a success, or 304 where the request was conditional.
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The URL that answered: after a redirect, its target.
    pub fn url(&self) -> &Url {
        self.response.url()
    }

    /// The target of the first `Link` of this relation, as in `"next"`: for [`Backend::get_url`](super::Backend::get_url).
    pub fn link(&self, relation: &str) -> Option<Url> {
        link::target(self.headers(), relation, self.url())
    }

    /// The target of the `Location` header, such as that of a 201 or 202: for [`Backend::get_url`](super::Backend::get_url).
    pub fn location(&self) -> Option<Url> {
        redirect::location(self.url(), self.headers())
    }

    /// The body as text, in the encoding that its `Content-Type` names or its byte-order mark tells, else in UTF-8.
    ///
    /// Bytes that are not valid in that encoding become U+FFFD (`�`): a mistake in a back-end's text is no reason to
    /// fail.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub async fn text(self) -> Result<String> {
        let encoding = charset(self.headers()).unwrap_or(UTF_8);
        let holder = self.holder.clone();
        let (body, reserved) = self.read().await?;
        let text = text(encoding, body);
        holder.keep(reserved);
        Ok(text)
    }

    /// The body as JSON, in UTF-8 or in the encoding that its `Content-Type` names or its byte-order mark tells.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes); 502 when it is no JSON of that shape.
    pub async fn json<T: DeserializeOwned>(self) -> Result<T> {
        let name = self.name;
        let encoding = charset(self.headers()).unwrap_or(UTF_8);
        let holder = self.holder.clone();
        let (body, reserved) = self.read().await?;
        let is_plain = encoding == UTF_8 && Encoding::for_bom(&body).is_none();
        let parsed = match is_plain {
            true => serde_json::from_slice(&body),
            false => serde_json::from_str(&encoding.decode(&body).0),
        };
        holder.keep(reserved);
        parsed.map_err(|error| {
            let content = format!("The {name}'s answer is not the JSON it should be.");
            BackendError::bad_gateway(content).with_source(error)
        })
    }

    /// The body, up to 16 MiB. Requests ask for bodies that are not compressed, unless they have an `Accept-Encoding` of their
    /// own; a body in gzip or deflate is decoded all the same, and the limit counts decoded bytes.
    ///
    /// # Errors
    /// 502 when it is larger, breaks off or cannot be decoded, 503 when the service has no memory for it
    /// ([`BodyMemory`](crate::BodyMemory)), 504 when it takes longer than a try may take.
    pub async fn bytes(self) -> Result<Bytes> {
        let (body, reserved) = self.read().await?;
        Ok(reserved.hold(body.into()))
    }

    async fn read(self) -> Result<(Vec<u8>, Reserved)> {
        let Self {
            mut response,
            name,
            limit,
            holder,
        } = self;
        let mut reserved = holder.reserve();
        let max = MAX_BODY.min(holder.memory.size());
        let too_large = || {
            let content = format!("The {name}'s answer is larger than {max} bytes.");
            BackendError::bad_gateway(content)
        };
        let length = response.content_length().unwrap_or_default();
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > max {
            return Err(too_large());
        }
        reserved.grow_to(length)?;
        let reading = async {
            let mut body = Vec::with_capacity(length);
            while let Some(chunk) = response
                .chunk()
                .await
                .map_err(|error| failure(error, name))?
            {
                let length = body.len() + chunk.len();
                if length > max {
                    return Err(too_large());
                }
                reserved.grow_to(length)?;
                body.extend_from_slice(&chunk);
            }
            Ok(body)
        };
        let body = timeout(limit, reading).await;
        let body = body.unwrap_or_else(|_| Err(too_late(name)))?;
        if !coding::is_coded(response.headers()) {
            return Ok((body, reserved));
        }
        let mut reserved_decoded = holder.memory.reserve();
        let mut refused = None;
        let decoded = coding::decoded_while(response.headers(), &body, |length| {
            refused = (length <= max)
                .then(|| reserved_decoded.grow_to(length).err())
                .flatten();
            length <= max && refused.is_none()
        });
        if let Some(refused) = refused {
            return Err(refused);
        }
        let decoded = decoded.map_err(|error| match error {
            CodingError::TooLarge => too_large(),
            CodingError::Unknown(coding) => BackendError::bad_gateway(format!(
                "The {name}'s answer has the Content-Encoding {coding:?}, which nobody asked for."
            )),
            CodingError::Broken(coding) => {
                BackendError::bad_gateway(format!("The {name}'s answer is no {coding} as it says."))
            }
        })?;
        Ok((decoded, reserved_decoded))
    }

    /// The next piece of the body; `None` at its end.
    ///
    /// # Errors
    /// 502 when it breaks off or is compressed, 504 when the piece takes longer than a try may take.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        let name = self.name;
        match timeout(self.limit, self.response.chunk()).await {
            Ok(Ok(Some(_))) if coding::is_coded(self.headers()) => Err(self.not_plain()),
            Ok(chunk) => chunk.map_err(|error| failure(error, name)),
            Err(_) => Err(too_late(name)),
        }
    }

    fn not_plain(&self) -> BackendError {
        let (name, codings) = (self.name, coding::named(self.headers()));
        let content = format!(
            "The {name}'s answer has the Content-Encoding {codings:?}, and only a body without one is read in pieces."
        );
        BackendError::bad_gateway(content)
    }

    /// The body as a stream of its pieces, without a limit on its size. It ends after an error, of which there are those
    /// of [`chunk`](Self::chunk).
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes>> + Send {
        stream::unfold(Some(self), async |rest| {
            let mut rest = rest?;
            match rest.chunk().await {
                Ok(None) => None,
                Ok(Some(chunk)) => Some((Ok(chunk), Some(rest))),
                Err(error) => Some((Err(error), None)),
            }
        })
    }

    /// The body for an answer of the service's own, passed on as it comes. Where it breaks off or stalls, the caller's
    /// answer breaks off as well, and the log says why.
    ///
    /// It is neither counted by `--max-in-flight` nor ended by `--request-timeout`. A body that is compressed stays so: whoever
    /// passes it on without the response passes its `Content-Encoding` on, too.
    pub fn into_body(self) -> Body {
        download::passed_on(self.response, self.name, self.limit)
    }

    /// The answer as reqwest has it, without limits of size or time.
    pub fn into_inner(self) -> reqwest::Response {
        self.response
    }
}

impl IntoResponse for BackendResponse {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut headers = HeaderMap::new();
        for name in OF_THE_BODY {
            for value in self.headers().get_all(&name) {
                headers.append(&name, value.clone());
            }
        }
        (status, headers, self.into_body()).into_response()
    }
}

/// A body as text. Most is valid UTF-8, and is not copied.
fn text(encoding: &'static Encoding, body: Vec<u8>) -> String {
    if encoding != UTF_8 || Encoding::for_bom(&body).is_some() {
        return encoding.decode(&body).0.into_owned();
    }
    String::from_utf8(body)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// The encoding that a `Content-Type` such as `text/plain; charset=latin1` names.
pub(super) fn charset(headers: &HeaderMap) -> Option<&'static Encoding> {
    let content_type = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    // Nearly all are this one, and need no parsing.
    if content_type.ends_with("; charset=utf-8") {
        return Some(UTF_8);
    }
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("charset")
            .then(|| Encoding::for_label(value.trim().trim_matches(['"', '\'']).as_bytes()))?
    })
}
