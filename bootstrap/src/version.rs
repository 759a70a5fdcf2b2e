//! A version of the template: three numbers, and a fourth for a fork's own revision of them.

use std::{fmt, str::FromStr};

use anyhow::{Context, Error, anyhow};
use serde::Deserialize;

use crate::{
    house::{self, Constants},
    render::Template,
};

/// `0.1.0`, or `0.1.0-2` for the second release that a fork makes on top of it. Later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Version {
    numbers: [u32; 3],
    revision: u32,
}

impl Version {
    /// The version of a template, as its hooks put it on record.
    ///
    /// # Errors
    /// When the hooks do not say.
    pub fn of(template: &Template) -> Result<Self, Error> {
        let version = house::constants(template, "version")?;
        let house = house::constants(template, "house")?;
        Self::among(&version, &house)
    }

    /// The version that the constants of `hooks/version.rhai` and `hooks/house.rhai` make.
    ///
    /// # Errors
    /// When they name none.
    pub fn among(version: &Constants, house: &Constants) -> Result<Self, Error> {
        let version = version
            .get("version")
            .context("hooks/version.rhai exports no version")?;
        match house.get("template_revision").map(String::as_str) {
            None | Some("") => version.parse(),
            Some(revision) => format!("{version}-{revision}").parse(),
        }
    }

    /// The git tag that holds it, such as `v0.1.0`.
    pub fn tag(&self) -> String {
        format!("v{self}")
    }

    /// The version that a git tag holds, if it is one's.
    pub fn of_tag(tag: &str) -> Option<Self> {
        tag.strip_prefix('v')?.parse().ok()
    }
}

impl FromStr for Version {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text).ok_or_else(|| anyhow!("{text:?} is no version such as 0.1.0 or 0.1.0-1"))
    }
}

impl TryFrom<String> for Version {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.numbers;
        write!(f, "{major}.{minor}.{patch}")?;
        match self.revision {
            0 => Ok(()),
            revision => write!(f, "-{revision}"),
        }
    }
}

fn parse(text: &str) -> Option<Version> {
    let (numbers, revision) = match text.split_once('-') {
        Some((numbers, revision)) => (numbers, number(revision).filter(|number| *number > 0)?),
        None => (text, 0),
    };
    let numbers: Option<Vec<_>> = numbers.split('.').map(number).collect();
    Some(Version {
        numbers: numbers?.try_into().ok()?,
        revision,
    })
}

/// A number as it is written: without a sign, and without zeros before it.
fn number(text: &str) -> Option<u32> {
    let number: u32 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_versions_are_greater() {
        let in_order = [
            "0.1.0", "0.1.0-1", "0.1.0-10", "0.1.1", "0.2.0", "0.10.0", "1.0.0",
        ];
        let versions = in_order.map(|text| text.parse::<Version>().unwrap());
        assert!(versions.is_sorted());
        assert_eq!(versions.map(|version| version.to_string()), in_order);
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for text in [
            "",
            "1",
            "1.0",
            "1.0.0.0",
            "v1.0.0",
            "1.0.0-",
            "1.0.0-0",
            "1.0.0-rc1",
            "01.0.0",
            "+1.0.0",
        ] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_tag_names_a_version() {
        let version = Version::of_tag("v0.1.0-1").unwrap();
        assert_eq!(version.tag(), "v0.1.0-1");
        assert_eq!(Version::of_tag("0.1.0"), None);
        assert_eq!(Version::of_tag("very"), None);
    }
}
