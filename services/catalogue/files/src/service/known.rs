//! What is known of one service, and how it stands.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    conformance::Departure,
    document::Document,
    entry::{Entry, Pods},
    look::{Health, Sight},
    metadata::Metadata,
};

/// What is known of one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub entry: Entry,
    pub status: Status,
    /// When it began to stand so.
    pub since: SystemTime,
    /// When it was last looked at.
    pub checked: Option<SystemTime>,
    /// What is wrong with it, in sentences.
    pub problems: Vec<String>,
    /// The last metadata that could be had.
    pub metadata: Option<Seen<Metadata>>,
    /// The last OpenAPI document that could be had.
    pub document: Option<Seen<Document>>,
    /// The rules of the contract that it departs from. `None` as long as nobody has asked.
    pub departures: Option<Vec<Departure>>,
}

/// How a service stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ServiceStatus)]
pub enum Status {
    /// It answers as it should.
    Pass,
    /// It answers, and something is wrong.
    Warn,
    /// It does not answer.
    Fail,
}

/// An answer, and when it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen<T> {
    pub value: T,
    pub at: SystemTime,
}

impl Status {
    pub const ALL: [Self; 3] = [Self::Pass, Self::Warn, Self::Fail];

    /// The word that health checks have for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

impl Known {
    /// A service that nobody has looked at.
    pub fn new(entry: Entry, now: SystemTime) -> Self {
        Self {
            entry,
            status: Status::Warn,
            since: now,
            checked: None,
            problems: vec!["Nobody has looked at it yet.".to_owned()],
            metadata: None,
            document: None,
            departures: None,
        }
    }

    /// The same after a look at it. What it no longer answers stays as it was seen last.
    pub fn after(self, sight: Sight, now: SystemTime) -> Self {
        let (status, problems) = judged(&sight, self.entry.pods);
        let seen = |value| Seen { value, at: now };
        Self {
            since: if status == self.status {
                self.since
            } else {
                now
            },
            status,
            checked: Some(now),
            problems,
            metadata: sight.metadata.ok().map(seen).or(self.metadata),
            document: match (sight.document, self.document) {
                // The text is kept once, and known by its place.
                (Ok(new), Some(old)) if new == old.value => Some(Seen { at: now, ..old }),
                (Ok(value), _) => Some(Seen { value, at: now }),
                (Err(_), old) => old,
            },
            entry: self.entry,
            departures: self.departures,
        }
    }

    /// The path below which the front end passes requests on to it.
    pub fn route(&self) -> String {
        let document = self.document.as_ref();
        let told = self
            .entry
            .told_route()
            .or_else(|| document.and_then(|document| document.value.route()));
        told.map_or_else(|| format!("/{}", self.entry.name), str::to_owned)
    }
}

/// How a service stands, and what is wrong with it.
fn judged(sight: &Sight, pods: Option<Pods>) -> (Status, Vec<String>) {
    if let Some(Pods { ready: 0, all }) = pods {
        let problem = match all {
            0 => "It has no pods.".to_owned(),
            all => format!("None of its {all} pods is ready."),
        };
        return (Status::Fail, vec![problem]);
    }
    let is_up = match &sight.health {
        Health::Good => true,
        // Nothing else that is wrong would be news.
        Health::Bad(problem) => return (Status::Fail, vec![problem.clone()]),
        Health::Unknown => sight.metadata.is_ok() || sight.document.is_ok(),
    };
    let mut problems = Vec::new();
    if let Some(Pods { ready, all }) = pods
        && ready < all
    {
        problems.push(format!("{ready} of its {all} pods are ready."));
    }
    problems.extend(sight.metadata.as_ref().err().cloned());
    problems.extend(sight.document.as_ref().err().cloned());
    let status = match is_up {
        false => Status::Fail,
        true if problems.is_empty() => Status::Pass,
        true => Status::Warn,
    };
    (status, problems)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn good() -> Sight {
        Sight {
            health: Health::Good,
            metadata: Ok(Metadata::default()),
            document: Ok(Document {
                text: "{}".into(),
                server: "/a".to_owned(),
            }),
        }
    }

    fn pods(ready: usize, all: usize) -> Option<Pods> {
        Some(Pods { ready, all })
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_service_passes_warns_or_fails() {
        let bad = || "Bad.".to_owned();
        let without_metadata = |health| Sight {
            health,
            metadata: Err(bad()),
            ..good()
        };
        let silent = Sight {
            document: Err(bad()),
            ..without_metadata(Health::Unknown)
        };
        let unhealthy = without_metadata(Health::Bad(bad()));
        for (sight, pods, status, problems) in [
            (good(), None, Status::Pass, vec![]),
            (good(), pods(2, 2), Status::Pass, vec![]),
            (
                good(),
                pods(1, 2),
                Status::Warn,
                vec!["1 of its 2 pods are ready."],
            ),
            (
                good(),
                pods(0, 2),
                Status::Fail,
                vec!["None of its 2 pods is ready."],
            ),
            (good(), pods(0, 0), Status::Fail, vec!["It has no pods."]),
            (
                without_metadata(Health::Good),
                None,
                Status::Warn,
                vec!["Bad."],
            ),
            (
                without_metadata(Health::Unknown),
                None,
                Status::Warn,
                vec!["Bad."],
            ),
            (silent, None, Status::Fail, vec!["Bad.", "Bad."]),
            (unhealthy, None, Status::Fail, vec!["Bad."]),
        ] {
            let judged = judged(&sight, pods);
            assert_eq!(judged.0, status, "{sight:?} {pods:?}");
            assert_eq!(judged.1, problems, "{sight:?} {pods:?}");
        }
    }

    #[test]
    fn the_last_good_answer_stays_with_its_time_and_a_status_since_it_changed() {
        let entry = Entry::new("a", "http://localhost:1").unwrap();
        let known = Known::new(entry, at(0));
        assert_eq!((known.status, known.since), (Status::Warn, at(0)));
        assert_eq!(known.route(), "/a");
        let known = known.after(good(), at(1)).after(good(), at(2));
        assert_eq!((known.status, known.since), (Status::Pass, at(1)));
        let gone = Sight {
            health: Health::Bad("Gone.".to_owned()),
            metadata: Err("Gone.".to_owned()),
            document: Err("Gone.".to_owned()),
        };
        let known = known.after(gone, at(3));
        assert_eq!((known.status, known.since), (Status::Fail, at(3)));
        assert_eq!(known.checked, Some(at(3)));
        assert_eq!(known.metadata.unwrap().at, at(2));
        assert_eq!(known.document.unwrap().at, at(2));
    }
}
