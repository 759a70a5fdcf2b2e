//! What people at a terminal get: the addresses, as commands.

use super::{IDENTITY, ROUTE, command, origin::Origin};

/// A text with examples, for a service that is reached at `origin`.
pub fn text(origin: &Origin) -> String {
    let base = format!("{}{ROUTE}", origin.0);
    let version = IDENTITY.metadata.version;
    let download = command::download(&format!("{base}/build-times.tar.gz?auth_type=basic"));
    format!(
        "uservice-bootstrap {version}: a whole microservice from four answers.\n\
         \n\
         The service build-times, in a folder of that name:\n\
         \n    \
         {download}\n\
         \n\
         Other answers, such as a description, are parameters. All that there are, as a JSON Schema:\n\
         \n    \
         curl '{base}/questions'\n\
         \n\
         All files of a service, as JSON, and what another answer changes in them:\n\
         \n    \
         curl '{base}/preview?name=build-times'\n    \
         curl '{base}/diff?name=build-times&to.auth_type=basic'\n\
         \n\
         A zip, in a file:\n\
         \n    \
         curl -O '{base}/build-times.zip?description=How+long+builds+take'\n\
         \n\
         The same in a browser: {base}/\n\
         All of it: {base}/docs\n"
    )
}
