//! The page on which people read the API.

use super::{client::Client, finding::Checked, target::Target};

/// `P/docs` is HTML.
pub fn check(client: &Client, target: &Target, prefix: &str) -> Checked {
    let answer = client.get(target, &format!("{prefix}/docs"))?;
    Ok(answer.ok("text/html")?.in_short())
}
