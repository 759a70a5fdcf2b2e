//! What a control holds before anybody touches it, as HTML's value sanitization leaves it.

use super::{
    control::Kind,
    dom::{Dom, Id},
    is_blank, moment,
};

/// The values of a control: none of a box that is not checked, several of a list.
pub fn values(dom: &Dom, id: Id, kind: Kind) -> Vec<String> {
    let value = dom.attribute(id, "value");
    let value = match kind {
        Kind::List => return chosen(dom, id),
        Kind::Box if !is_checked(dom, id) => return vec![],
        Kind::Box => value.unwrap_or("on").to_owned(),
        Kind::Area => dom.text(id, &[]),
        Kind::Submit if dom.is(id, "input") => value.unwrap_or("Submit").to_owned(),
        Kind::Text | Kind::Password | Kind::Chosen => {
            let kind = dom.attribute(id, "type").unwrap_or_default();
            let value = value.unwrap_or_default();
            match kind.to_ascii_lowercase().as_str() {
                "range" => range(dom, id),
                "email" if dom.has(id, "multiple") => {
                    let addresses = value.split(',').map(one_line);
                    let addresses: Vec<_> = addresses.map(|text| trimmed(&text)).collect();
                    addresses.join(",")
                }
                "email" | "url" => trimmed(&one_line(value)),
                "number" if number(value).is_none() => String::new(),
                "color" => color(value),
                kind if moment::is_kind(kind) => moment::read(kind, value).unwrap_or_default(),
                _ => one_line(value),
            }
        }
        _ => value.unwrap_or_default().to_owned(),
    };
    vec![value]
}

fn one_line(text: &str) -> String {
    text.replace(['\r', '\n'], "")
}

fn trimmed(text: &str) -> String {
    text.trim_matches(is_blank).to_owned()
}

/// The number that a text is, by HTML's rules.
fn number(text: &str) -> Option<f64> {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, _) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, ""));
    let is_valid = match mantissa.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction) && !fraction.is_empty(),
        None => digits(mantissa) && !mantissa.is_empty(),
    };
    let number = text.parse().ok().filter(|_| is_valid);
    number.filter(|number: &f64| number.is_finite())
}

/// A value within the limits of a slider, which stands in the middle otherwise.
fn range(dom: &Dom, id: Id) -> String {
    let value = dom.attribute(id, "value").unwrap_or_default();
    let limit = |name| dom.attribute(id, name).and_then(number);
    let least = limit("min").unwrap_or(0.0);
    let most = limit("max").unwrap_or(100.0).max(least);
    match number(value) {
        Some(number) if number < least => least.to_string(),
        Some(number) if number > most => most.to_string(),
        Some(_) => value.to_owned(),
        None => (least + (most - least) / 2.0).to_string(),
    }
}

/// A colour in six digits; black where it is none.
fn color(value: &str) -> String {
    let digits = value.trim_matches(is_blank).strip_prefix('#');
    let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let digits = digits.unwrap_or_default().to_ascii_lowercase();
    match digits.len() {
        6 => format!("#{digits}"),
        3 => digits.chars().fold("#".to_owned(), |color, digit| {
            format!("{color}{digit}{digit}")
        }),
        _ => "#000000".to_owned(),
    }
}

/// Whether a box is checked. Of radio buttons with one name in one form, the last one is.
fn is_checked(dom: &Dom, id: Id) -> bool {
    let kind = |id| dom.attribute(id, "type").map(str::to_ascii_lowercase);
    let is_radio = |id| dom.is(id, "input") && kind(id).as_deref() == Some("radio");
    let name = dom.attribute(id, "name").unwrap_or_default();
    if !dom.has(id, "checked") || !is_radio(id) || name.is_empty() {
        return dom.has(id, "checked");
    }
    let group = dom.elements().filter(|other| {
        is_radio(*other)
            && dom.has(*other, "checked")
            && dom.attribute(*other, "name") == Some(name)
            && dom.owner(*other) == dom.owner(id)
    });
    group.last() == Some(id)
}

/// The values of a list that are chosen. A list that takes one has the last one that is selected, or else shows its
/// first.
fn chosen(dom: &Dom, list: Id) -> Vec<String> {
    let options: Vec<_> = options(dom, list).collect();
    let is_off = |option: Id| {
        let above = dom.ancestors(option).take_while(|id| *id != list);
        let mut groups = above.filter(|id| dom.is(*id, "optgroup"));
        dom.has(option, "disabled") || groups.any(|group| dom.has(group, "disabled"))
    };
    let value = |option: &Id| match dom.attribute(*option, "value") {
        Some(value) => value.to_owned(),
        None => {
            let text = dom.text(*option, &["script"]);
            let words: Vec<_> = text
                .split(is_blank)
                .filter(|word| !word.is_empty())
                .collect();
            words.join(" ")
        }
    };
    let selected = |option: &&Id| dom.has(**option, "selected");
    if dom.has(list, "multiple") {
        let chosen = options.iter().filter(selected);
        return chosen
            .filter(|option| !is_off(**option))
            .map(value)
            .collect();
    }
    let shows_one = dom
        .attribute(list, "size")
        .is_none_or(|size| whole(size) <= 1);
    let first = || options.iter().find(|option| shows_one && !is_off(**option));
    let chosen = options.iter().rfind(selected).or_else(first);
    let chosen = chosen.filter(|option| !is_off(**option));
    chosen.map(value).into_iter().collect()
}

/// The options of a list. What is within another option, list or suggestion is none, nor what is in a group of a group.
fn options(dom: &Dom, list: Id) -> impl Iterator<Item = Id> {
    let is_own = move |option: Id| {
        let mut groups = 0;
        let mut above = dom.ancestors(option).take_while(|id| *id != list);
        above.all(|id| {
            groups += usize::from(dom.is(id, "optgroup"));
            let ends = ["option", "select", "datalist"]
                .iter()
                .any(|name| dom.is(id, name));
            !ends && groups <= 1
        })
    };
    let below = dom.below(list);
    below.filter(move |id| dom.is(*id, "option") && is_own(*id))
}

/// The number that a text begins with, by HTML's rules; nought where there is none.
fn whole(text: &str) -> u32 {
    let text = text.trim_start_matches(is_blank);
    let text = text.strip_prefix('+').unwrap_or(text);
    let end = text.find(|c: char| !c.is_ascii_digit());
    text[..end.unwrap_or(text.len())].parse().unwrap_or(0)
}
