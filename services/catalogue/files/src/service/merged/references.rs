//! Renames what a document names, and all that refers to it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::part::KINDS;

/// The names of one document, and what each is to be called.
pub struct References<'a> {
    service: &'a str,
    components: BTreeMap<&'static str, &'a Map<String, Value>>,
    /// The paths that are kept, each with its place at the front end.
    paths: &'a BTreeMap<String, String>,
}

/// What the keys of an object are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keys {
    /// Words of OpenAPI or of JSON Schema.
    Words,
    /// Names that the author has given, which may be any word.
    Names,
}

/// Words whose value is an object with names for keys.
const NAMING: [&str; 19] = [
    "$defs",
    "content",
    "definitions",
    "dependentSchemas",
    "encoding",
    "examples",
    "headers",
    "links",
    "parameters",
    "pathItems",
    "paths",
    "patternProperties",
    "properties",
    "requestBodies",
    "responses",
    "schemas",
    "scopes",
    "securitySchemes",
    "variables",
];

/// Words whose value is data, in which nothing refers to anything.
const DATA: [&str; 5] = ["const", "default", "enum", "example", "value"];

impl<'a> References<'a> {
    /// The names of the components of `document`, a service's.
    ///
    /// # Errors
    /// A sentence, when they are no components.
    pub fn new(
        service: &'a str,
        document: &'a Value,
        paths: &'a BTreeMap<String, String>,
    ) -> Result<Self, String> {
        let mut components = BTreeMap::new();
        for kind in KINDS {
            let Some(named) = document["components"].get(kind) else {
                continue;
            };
            let named = named.as_object();
            let named = named.ok_or_else(|| format!("Its {kind} are none."))?;
            let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            for (name, value) in named {
                let is_schema = kind == "schemas" && value.is_boolean();
                if name.is_empty()
                    || !name.bytes().all(is_legal)
                    || !(value.is_object() || is_schema)
                {
                    return Err(format!("{name:?} of its {kind} is none."));
                }
            }
            components.insert(kind, named);
        }
        Ok(Self {
            service,
            components,
            paths,
        })
    }

    /// All components under their new names.
    ///
    /// # Errors
    /// As [`rename`](Self::rename).
    pub fn components(&self) -> Result<BTreeMap<&'static str, Map<String, Value>>, String> {
        let kinds = self.components.iter().map(|(kind, named)| {
            let renamed = named.iter().map(|(name, value)| {
                let mut value = value.clone();
                let keys = match *kind {
                    "callbacks" => Keys::Names,
                    _ => Keys::Words,
                };
                self.walk(&mut value, keys)?;
                Ok((self.own(name), value))
            });
            Ok((*kind, renamed.collect::<Result<_, String>>()?))
        });
        kinds.collect()
    }

    /// Renames what `value` names and refers to.
    ///
    /// # Errors
    /// A sentence, when it refers to what is not there.
    pub fn rename(&self, value: &mut Value) -> Result<(), String> {
        self.walk(value, Keys::Words)
    }

    /// What the service's heading of that name is called.
    pub fn tag(&self, tag: &str) -> String {
        match tag == self.service {
            true => tag.to_owned(),
            false => format!("{}: {tag}", self.service),
        }
    }

    fn own(&self, name: &str) -> String {
        format!("{}_{name}", self.service)
    }

    // JSON of a deeper nesting than 128 was refused as it was read, so this ends.
    fn walk(&self, value: &mut Value, keys: Keys) -> Result<(), String> {
        let members = match value {
            Value::Array(items) => {
                return items
                    .iter_mut()
                    .try_for_each(|item| self.walk(item, Keys::Words));
            }
            Value::Object(members) => members,
            _ => return Ok(()),
        };
        for (key, value) in members {
            match key.as_str() {
                _ if keys == Keys::Names => self.walk(value, Keys::Words)?,
                word if word.starts_with("x-") || DATA.contains(&word) => {}
                "examples" if value.is_array() => {}
                "$ref" | "operationRef" => *value = self.reference(value)?.into(),
                "operationId" => *value = self.own(value.as_str().unwrap_or_default()).into(),
                "tags" => self.rename_tags(value),
                "security" => self.rename_security(value)?,
                "mapping" => self.rename_mapping(value)?,
                "callbacks" => self.walk_callbacks(value)?,
                word if NAMING.contains(&word) => self.walk(value, Keys::Names)?,
                _ => self.walk(value, Keys::Words)?,
            }
        }
        Ok(())
    }

    /// Callbacks are objects by name, whose keys are expressions.
    fn walk_callbacks(&self, callbacks: &mut Value) -> Result<(), String> {
        let callbacks = callbacks
            .as_object_mut()
            .into_iter()
            .flat_map(Map::values_mut);
        callbacks.into_iter().try_for_each(|callback| {
            let keys = match callback.get("$ref") {
                Some(_) => Keys::Words,
                None => Keys::Names,
            };
            self.walk(callback, keys)
        })
    }

    fn rename_tags(&self, tags: &mut Value) {
        for tag in tags.as_array_mut().into_iter().flatten() {
            *tag = match tag.as_str() {
                // The service's own heading, where the author gave none.
                Some(name) => self.tag(name).into(),
                None => self.service.into(),
            };
        }
    }

    fn rename_security(&self, requirements: &mut Value) -> Result<(), String> {
        for requirement in requirements.as_array_mut().into_iter().flatten() {
            let named = requirement.as_object_mut();
            let named = named.ok_or("One of its security requirements is none.")?;
            for (name, scopes) in std::mem::take(named) {
                self.find("securitySchemes", &name, &name)?;
                named.insert(self.own(&name), scopes);
            }
        }
        Ok(())
    }

    /// The values of a discriminator's mapping are names of schemas, or references.
    fn rename_mapping(&self, mapping: &mut Value) -> Result<(), String> {
        for value in mapping
            .as_object_mut()
            .into_iter()
            .flat_map(Map::values_mut)
        {
            let name = value.as_str().unwrap_or_default();
            *value = match self.find("schemas", name, name) {
                Ok(()) => format!("#/components/schemas/{}", self.own(name)).into(),
                Err(_) => self.reference(value)?.into(),
            };
        }
        Ok(())
    }

    /// Where a reference leads in the document of all.
    fn reference(&self, reference: &Value) -> Result<String, String> {
        let reference = reference.as_str().ok_or("One of its references is none.")?;
        let mut parts = reference.splitn(4, '/').skip(1);
        match (parts.next(), parts.next(), parts.next()) {
            (Some("components"), Some(kind), Some(name)) if reference.starts_with("#/") => {
                let end = name.find('/').unwrap_or(name.len());
                let (name, rest) = name.split_at(end);
                self.find(kind, name, reference)?;
                Ok(format!("#/components/{kind}/{}{rest}", self.own(name)))
            }
            (Some("paths"), Some(path), rest) if reference.starts_with("#/") => {
                let path = path.replace("~1", "/").replace("~0", "~");
                let place = self.paths.get(&path).ok_or_else(|| dangling(reference))?;
                let place = place.replace('~', "~0").replace('/', "~1");
                let rest = rest.map(|rest| format!("/{rest}")).unwrap_or_default();
                Ok(format!("#/paths/{place}{rest}"))
            }
            _ => Err(dangling(reference)),
        }
    }

    fn find(&self, kind: &str, name: &str, reference: &str) -> Result<(), String> {
        let named = self.components.get(kind);
        match named.is_some_and(|named| named.contains_key(name)) {
            true => Ok(()),
            false => Err(dangling(reference)),
        }
    }
}

fn dangling(reference: &str) -> String {
    format!("It refers to {reference:?}, which is not in its document.")
}
