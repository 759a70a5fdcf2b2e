//! The query of an address: answers, and what else its route takes.

use std::collections::BTreeMap;

use apikit::BackendError;
use url::form_urlencoded;

use super::questions::{NAME, QUESTIONS};
use crate::answers::Answers;

/// What stands before an answer of the service that another one is compared with: `to.auth_type`.
pub const TO: &str = "to.";

/// The parameters of a request. An empty one counts as not given, as forms send those.
#[derive(Clone, Debug)]
pub struct Query {
    /// The answers; the name is empty where none is given.
    pub answers: Answers,
    /// Those that another service differs in.
    pub to: Vec<(&'static str, String)>,
    /// The others, which are the route's own.
    pub own: BTreeMap<&'static str, String>,
}

impl Query {
    /// Reads a query; besides answers, it may have the parameters of `own`.
    ///
    /// # Errors
    /// 400, when a parameter is unknown or given twice.
    pub fn parse(query: Option<&str>, own: &[&'static str]) -> apikit::Result<Self> {
        let mut read = Self {
            answers: Answers::named(""),
            to: Vec::new(),
            own: BTreeMap::new(),
        };
        let mut known = Vec::new();
        for (key, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if known.contains(&key) {
                return Err(BackendError::bad_request(format!("{key} is given twice.")));
            }
            read.take(&key, &value, own)?;
            known.push(key);
        }
        Ok(read)
    }

    fn take(&mut self, key: &str, value: &str, own: &[&'static str]) -> apikit::Result<()> {
        let answer = |name: &str| QUESTIONS.iter().find(|question| question.name == name);
        let other = key.strip_prefix(TO).filter(|_| own.contains(&TO));
        let own_name = own.iter().find(|name| **name == key && **name != TO);
        match (own_name, other.and_then(answer), answer(key)) {
            (None, None, None) => return Err(unknown(key, own)),
            _ if value.is_empty() => {}
            (Some(name), ..) => drop(self.own.insert(name, value.to_owned())),
            (_, Some(question), _) => self.to.push((question.name, value.to_owned())),
            (.., Some(question)) if question.name == NAME => {
                value.clone_into(&mut self.answers.name)
            }
            (.., Some(question)) => {
                let given = (question.name.to_owned(), value.to_owned());
                self.answers.given.push(given);
            }
        }
        Ok(())
    }

    /// The answers of the other service.
    pub fn other(&self) -> Answers {
        let to = self.to.iter();
        to.fold(self.answers.clone(), |answers, (name, value)| match *name {
            NAME => Answers {
                name: value.clone(),
                ..answers
            },
            name => answers.with(name, value),
        })
    }
}

/// The query with these parameters, and its question mark; empty without any.
pub fn written<'a>(parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    match query.extend_pairs(parameters).finish().as_str() {
        "" => String::new(),
        query => format!("?{query}"),
    }
}

/// The answers as parameters, the name among them where there is one.
pub fn parameters(answers: &Answers) -> impl Iterator<Item = (&str, &str)> {
    let name = Some((NAME, answers.name.as_str())).filter(|(_, name)| !name.is_empty());
    name.into_iter().chain(given(answers))
}

/// The answers besides the name.
pub fn given(answers: &Answers) -> impl Iterator<Item = (&str, &str)> {
    let given = answers.given.iter();
    given.map(|(name, value)| (name.as_str(), value.as_str()))
}

fn unknown(key: &str, own: &[&str]) -> BackendError {
    let answers = QUESTIONS.iter().map(|question| question.name);
    let own = own.iter().map(|name| match *name {
        TO => "to.NAME",
        name => name,
    });
    let known: Vec<_> = answers.chain(own).collect();
    BackendError::bad_request(format!("{key:?} is none of {}.", known.join(", ")))
}
