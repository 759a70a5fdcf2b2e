//! One control of a form: an `input`, a `button`, a `select` or a `textarea`.

use encoding_rs::Encoding;
use reqwest::Url;

use super::{
    dom::{Dom, Id},
    form::{Enctype, Entry, Method},
    location::Location,
    value::values,
};

/// What a form may hold, and what would be sent of it.
pub struct Control {
    pub id: Id,
    pub kind: Kind,
    pub name: String,
    /// Its values as they are: none for a box that is not checked, several for a list.
    pub values: Vec<String>,
    pub autocomplete: String,
    /// Neither disabled by itself, nor by a `fieldset` around it, nor a mere suggestion in a `datalist`.
    pub is_enabled: bool,
    /// The attributes that override the form's when it is the button that is pressed.
    pub submission: ByButton,
    is_concealed: bool,
    /// The name under which the direction of its text is sent, too.
    direction: Option<(String, &'static str)>,
}

/// The kinds of controls, as far as they are filled in or sent in different ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One line of text, of any type: HTML treats unknown types as text.
    Text,
    Password,
    Hidden,
    /// A checkbox or a radio button.
    Box,
    List,
    Area,
    File,
    /// A button that submits the form.
    Submit,
    /// A picture that submits the form.
    Image,
    /// A button that does something else.
    Button,
    /// A value that people choose by other means: a number, a date, a colour.
    Chosen,
}

/// What a button changes of the form that it submits.
#[derive(Default)]
pub struct ByButton {
    pub action: Option<Url>,
    pub method: Option<Method>,
    pub enctype: Option<Enctype>,
}

impl Control {
    /// Whether an element is a control.
    pub fn is_one(dom: &Dom, id: Id) -> bool {
        let names = ["input", "button", "select", "textarea"];
        dom.name(id).is_some_and(|name| names.contains(&name))
    }

    pub fn read(dom: &Dom, id: Id, page: &Location) -> Self {
        let attribute = |name| dom.attribute(id, name);
        let kind = kind(dom, id);
        let submits = matches!(kind, Kind::Submit | Kind::Image);
        let submission = match submits {
            false => ByButton::default(),
            true => ByButton {
                action: attribute("formaction").and_then(|action| page.target(action)),
                method: attribute("formmethod").map(Method::named),
                enctype: attribute("formenctype").map(Enctype::named),
            },
        };
        let kinds = [Kind::Text, Kind::Password, Kind::Hidden, Kind::Area];
        let text = kinds.contains(&kind);
        let direction = attribute("dirname").filter(|name| text && !name.is_empty());
        Self {
            id,
            kind,
            name: attribute("name").unwrap_or_default().to_owned(),
            values: values(dom, id, kind),
            autocomplete: attribute("autocomplete").map_or_else(String::new, purpose),
            is_enabled: !is_disabled(dom, id),
            submission,
            is_concealed: is_concealed(dom, id),
            direction: direction.map(|name| (name.to_owned(), direction_of(dom, id))),
        }
    }

    /// Where the form goes by this button, if that is another place than the form's own.
    pub fn target(&self) -> Option<&Url> {
        self.submission.action.as_ref()
    }

    pub fn submits(&self) -> bool {
        matches!(self.kind, Kind::Submit | Kind::Image)
    }

    /// Whether people see it, as far as its own attributes tell.
    pub fn is_visible(&self) -> bool {
        self.kind != Kind::Hidden && !self.is_concealed
    }

    /// Whether anything of it is sent.
    pub fn is_sent(&self, is_pressed: bool) -> bool {
        match self.kind {
            Kind::Button => false,
            Kind::Submit => is_pressed && !self.name.is_empty(),
            Kind::Image => is_pressed,
            _ => !self.name.is_empty(),
        }
    }

    /// Appends what is sent of it to the entries of its form.
    pub fn append(
        &self,
        values: Vec<String>,
        encoding: &'static Encoding,
        entries: &mut Vec<Entry>,
    ) {
        if self.kind == Kind::Image {
            let prefix = match self.name.as_str() {
                "" => String::new(),
                name => format!("{name}."),
            };
            entries.extend(["x", "y"].map(|axis| Entry::new(format!("{prefix}{axis}"), "0")));
            return;
        }
        if self.kind == Kind::Hidden && self.name.eq_ignore_ascii_case("_charset_") {
            entries.push(Entry::new(&self.name, encoding.name()));
            return;
        }
        if self.kind == Kind::File {
            entries.push(Entry::no_file(&self.name));
            return;
        }
        entries.extend(values.iter().map(|value| Entry::new(&self.name, value)));
        if let Some((name, direction)) = &self.direction {
            entries.push(Entry::new(name, *direction));
        }
    }
}

fn kind(dom: &Dom, id: Id) -> Kind {
    let named = dom.attribute(id, "type").unwrap_or_default();
    let named = named.to_ascii_lowercase();
    match (dom.name(id), named.as_str()) {
        (Some("select"), _) => Kind::List,
        (Some("textarea"), _) => Kind::Area,
        (Some("button"), "button" | "reset") => Kind::Button,
        (Some("button"), "submit") => Kind::Submit,
        // A button with a command for another element submits nothing, unless it says so.
        (Some("button"), _)
            if ["command", "commandfor"]
                .iter()
                .any(|name| dom.has(id, name)) =>
        {
            Kind::Button
        }
        (Some("button"), _) => Kind::Submit,
        (_, "password") => Kind::Password,
        (_, "hidden") => Kind::Hidden,
        (_, "checkbox" | "radio") => Kind::Box,
        (_, "file") => Kind::File,
        (_, "submit") => Kind::Submit,
        (_, "image") => Kind::Image,
        (_, "button" | "reset") => Kind::Button,
        (
            _,
            "number" | "range" | "color" | "date" | "month" | "week" | "time" | "datetime-local",
        ) => Kind::Chosen,
        _ => Kind::Text,
    }
}

/// Whether a control is disabled, by itself or by a `fieldset` around it; its first `legend` stays enabled. What is in
/// a `datalist` is never sent.
fn is_disabled(dom: &Dom, id: Id) -> bool {
    let mut below = id;
    for above in dom.ancestors(id) {
        let spared = || {
            let legend = dom.children(above).find(|child| dom.is(*child, "legend"));
            legend == Some(below)
        };
        if dom.is(above, "datalist")
            || dom.is(above, "fieldset") && dom.has(above, "disabled") && !spared()
        {
            return true;
        }
        below = above;
    }
    dom.has(id, "disabled")
}

/// Whether it, or an element around it, is hidden by an attribute.
fn is_concealed(dom: &Dom, id: Id) -> bool {
    let is_hidden = |id: Id| {
        let style = dom.attribute(id, "style").unwrap_or_default();
        let style: String = style.split_ascii_whitespace().collect();
        let style = style.to_ascii_lowercase();
        let unseen = ["display:none", "visibility:hidden"];
        dom.has(id, "hidden") || unseen.iter().any(|unseen| style.contains(unseen))
    };
    is_hidden(id) || dom.ancestors(id).any(is_hidden)
}

/// The last word of `autocomplete`, which is the purpose of the field: `email` in `section-a billing email`.
fn purpose(autocomplete: &str) -> String {
    let last = autocomplete.split_ascii_whitespace().next_back();
    last.unwrap_or_default().to_ascii_lowercase()
}

fn direction_of(dom: &Dom, id: Id) -> &'static str {
    let direction = |id| match dom.attribute(id, "dir")?.to_ascii_lowercase().as_str() {
        "rtl" => Some("rtl"),
        "ltr" | "auto" => Some("ltr"),
        _ => None,
    };
    let kind = dom.attribute(id, "type");
    let is_phone = dom.is(id, "input") && kind.is_some_and(|kind| kind.eq_ignore_ascii_case("tel"));
    // A phone number has a direction of its own.
    let above = dom.ancestors(id).filter(|_| !is_phone);
    let mut told = std::iter::once(id).chain(above);
    told.find_map(direction).unwrap_or("ltr")
}
