//! How far two measurements are from each other, and whether that is worth telling.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::dashboard::Measurement;

/// How many digits after the point the answer gives.
const DIGITS_OF_VALUES: usize = 3;
const DIGITS_OF_PERCENT: usize = 2;

/// The change that is not worth telling yet, in percent: a number of at least 0.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(try_from = "String")]
pub struct Threshold(f64);

impl TryFrom<String> for Threshold {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.parse() {
            Ok(percent) if percent >= 0.0 && f64::is_finite(percent) => Ok(Self(percent)),
            _ => Err(format!(
                "threshold {text:?} must be a percentage of at least 0, such as 0.5"
            )),
        }
    }
}

/// How a metric has changed since it was last measured.
#[derive(Debug, Serialize, ToSchema)]
pub struct Deviation {
    /// Whether it has changed by more than the threshold.
    changed: bool,
    /// The last value, rounded to three digits.
    current: f64,
    /// The value before, rounded likewise.
    previous: f64,
    /// The change in percent of the previous value, without a sign and rounded to two digits; null for a
    /// change from 0.
    #[schema(required)]
    delta_pct: Option<f64>,
    units: String,
    /// How many packages have changed between the two.
    changecount: usize,
    /// These packages, as the dashboard puts them.
    changed_packages: Vec<Value>,
}

impl Deviation {
    /// The way from one measurement to the next. What is compared are the rounded values, so that
    /// whoever reads the answer can work it out again.
    pub fn between(previous: Measurement, current: Measurement, threshold: Threshold) -> Self {
        let before = rounded(previous.value, DIGITS_OF_VALUES);
        let now = rounded(current.value, DIGITS_OF_VALUES);
        let delta_pct = percent(before, now);
        let changed_packages = current.changed_packages.unwrap_or_default();
        Self {
            changed: delta_pct.is_none_or(|percent| percent > threshold.0),
            current: now,
            previous: before,
            delta_pct,
            units: current.units.unwrap_or_default(),
            changecount: changed_packages.len(),
            changed_packages,
        }
    }
}

/// The distance of two values in percent of the first. From 0 to anything else there is none.
fn percent(before: f64, now: f64) -> Option<f64> {
    if now == before {
        return Some(0.0);
    }
    if before == 0.0 {
        return None;
    }
    let percent = 100.0 * (now - before) / before;
    Some(rounded(percent.abs(), DIGITS_OF_PERCENT))
}

/// `value` with `digits` digits after the point, by way of its text: to multiply, round and divide would
/// round the product, which is not quite the number that was meant.
fn rounded(value: f64, digits: usize) -> f64 {
    let text = format!("{value:.digits$}");
    text.parse().expect("what was a number is one again")
}
