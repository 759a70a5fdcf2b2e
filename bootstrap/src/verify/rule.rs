//! The rules of the contract, in the order in which they are reported.

/// A rule: `docs/verify.md` says of each what it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name, in a few words.
    pub name: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// How much hangs on it.
    pub weight: Weight,
}

/// How much hangs on a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Who breaks it departs from the contract.
    Required,
    /// Who breaks it is told, and conforms all the same.
    Recommended,
}

pub const HEALTH_CHECK: Rule = required("health-check", "docs/verify.md#health");
pub const LIVENESS: Rule = required("liveness", "docs/verify.md#health");
pub const READINESS: Rule = required("readiness", "docs/verify.md#health");
pub const METADATA: Rule = required("metadata", "docs/verify.md#metadata");
pub const METADATA_SPELLINGS: Rule = required("metadata-spellings", "docs/verify.md#metadata");
pub const PREFIXES: Rule = required("prefixes", "docs/verify.md#prefixes");
pub const HEAD: Rule = required("head", "docs/verify.md#head and RFC 9110, 9.3.2");
pub const UNKNOWN_PATH: Rule = required("unknown-path", "docs/verify.md#errors");
pub const WRONG_METHOD: Rule =
    required("wrong-method", "docs/verify.md#errors and RFC 9110, 15.5.6");
pub const CREDENTIALS: Rule = required("credentials", "docs/verify.md#credentials and RFC 7617, 2");
pub const REQUEST_ID: Rule = required("request-id", "docs/verify.md#request-id");
pub const OPENAPI: Rule = required("openapi", "docs/verify.md#openapi and OpenAPI 3.1, 4.8");
pub const OPENAPI_PATHS: Rule = required("openapi-paths", "docs/verify.md#openapi");
pub const DOCS: Rule = required("docs", "docs/verify.md#openapi");
pub const LINKS: Rule = recommended("links", "docs/verify.md#links and RFC 8631, 4");

const fn required(name: &'static str, source: &'static str) -> Rule {
    Rule {
        name,
        source,
        weight: Weight::Required,
    }
}

const fn recommended(name: &'static str, source: &'static str) -> Rule {
    Rule {
        name,
        source,
        weight: Weight::Recommended,
    }
}
