//! Who the service is: the same six strings under six spellings of the path.

use serde_json::Value;

use super::{
    client::Client,
    finding::{Checked, Objection},
    target::Target,
};

const FIELDS: [&str; 6] = [
    "name",
    "description",
    "repository",
    "version",
    "api_version",
    "auth",
];

/// The JSON of `P/metadata`, whatever it holds.
pub fn of(client: &Client, target: &Target, prefix: &str) -> Result<Value, Objection> {
    let answer = client.get(target, &format!("{prefix}/metadata"))?;
    answer.ok("application/json")?.json()
}

/// Exactly the fields of the contract, each a string.
pub fn check(identity: &Result<Value, Objection>, prefix: &str) -> Checked {
    let identity = identity.clone()?;
    let asked = format!("GET {prefix}/metadata");
    let objection = |seen: String| {
        Objection::departs(
            format!("{asked}: {seen}"),
            format!("exactly the strings {}", FIELDS.join(", ")),
        )
    };
    let found = identity.as_object();
    let found = found.ok_or_else(|| objection("JSON that is no object".to_owned()))?;
    let mut faults = Vec::new();
    for field in FIELDS {
        match found.get(field) {
            None => faults.push(format!("no {field}")),
            Some(Value::String(_)) => {}
            Some(other) => faults.push(format!("{field} is {other}")),
        }
    }
    let unknown = found.keys().filter(|key| !FIELDS.contains(&key.as_str()));
    faults.extend(unknown.map(|key| format!("{key} besides")));
    if faults.is_empty() {
        let text = |field| found[field].as_str().unwrap_or_default();
        let (name, version) = (text("name"), text("version"));
        let auth = text("auth");
        return Ok(format!("{asked}: {name} {version}, auth {auth}"));
    }
    Err(objection(faults.join(", ")))
}

/// The other spellings answer the same as `P/metadata`.
pub fn spellings(
    client: &Client,
    target: &Target,
    prefix: &str,
    identity: &Result<Value, Objection>,
) -> Checked {
    let Ok(identity) = identity else {
        let why = format!("{prefix}/metadata is not there to compare with");
        return Err(Objection::NotApplicable(why));
    };
    let version = identity["api_version"].as_str().unwrap_or("1.0");
    let paths = [
        "metadata".to_owned(),
        format!("v{version}/metadata"),
        format!("{version}/metadata"),
    ];
    let paths = paths
        .iter()
        .flat_map(|path| [path.clone(), format!("{path}.json")]);
    let paths = paths.map(|path| format!("{prefix}/{path}"));
    let mut faults = Vec::new();
    for path in paths.skip(1) {
        let same = client.get(target, &path).map_err(Objection::from);
        let same = same.and_then(|answer| answer.ok("application/json")?.json());
        match same {
            Ok(same) if same == *identity => {}
            Ok(_) => faults.push(format!("GET {path}: other JSON")),
            Err(Objection::Departs { seen, .. } | Objection::NotApplicable(seen)) => {
                faults.push(seen);
            }
        }
    }
    if faults.is_empty() {
        return Ok(format!(
            "{prefix}/metadata.json, {prefix}/v{version}/metadata and their kin answer the same"
        ));
    }
    Err(Objection::departs(
        faults.join("; "),
        format!("the JSON of {prefix}/metadata"),
    ))
}
