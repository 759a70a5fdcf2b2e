//! The command that renders the same service in a terminal.

use super::query::given;
use crate::answers::Answers;

/// `cargo generate` with these answers, for a shell; `repository` is where the template is.
pub fn generate(repository: &str, answers: &Answers) -> String {
    let given = given(answers)
        .map(|(name, value)| format!(" \\\n    -d {}", quoted(&format!("{name}={value}"))));
    let given: String = given.collect();
    let (repository, name) = (quoted(repository), quoted(&answers.name));
    format!("cargo generate --git {repository} --silent \\\n    --name {name}{given}")
}

/// `curl` for an address, and `tar` for what it answers.
pub fn download(address: &str) -> String {
    format!("curl {} | tar xz", quoted(address))
}

/// For a shell: as it is where nothing has a meaning to it, and else between single quotes.
fn quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@,+".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}
