//! Login pages by chance, with all that is wrong with pages in the world; each seed has its own.
//!
//! It needs the standard library alone: the tests of this repository give the same pages to a browser.

/// A page with a form that asks for a password, as a server answers it.
pub struct RandomPage {
    /// Its media type, with the encoding or without it.
    pub content_type: String,
    /// Its bytes, in its encoding.
    pub body: Vec<u8>,
}

/// The beginning of the names of all controls that are disabled by themselves or stand in a `template`, a `datalist` or
/// a comment: no browser sends them.
pub const NEVER_SENT: &str = "off";

/// Tags that are opened, and may be closed never, twice or in the wrong place. These and the words below are parted by `|`.
const MARKUP: &str = "<p>|</p>|<div>|</div>|<b>|</b>|<i>|</i>|<a href=/help>|</a>|<table>|</table>|<table><tr>|<tr>|<td>|</td>|\
    <tbody>|<caption>|<ul><li>|</ul>|<label>|</label>|<center>|</br>|<h1>|</h2>|<font>|<nobr>|<svg><g>|</svg>|\
    </select>|</fieldset>|<hr>|</form>|<form action=/nested>";

/// Attributes' values as they are written in pages.
const VALUES: &str = "1|| two  words |a&amp;b=c|&lt;&quot;&gt;|&notit;&copy=1&ampx|café €|&eacute;&#x80;&#x1F600;|日本|one\ntwo|\
    one\r\ntwo\rthree|1&#13;2&#10;3&#13;&#10;4|\n\n|+%20%|&#0;&#xD800;|\t x\t|a@b.example , c@d.example| #Ff00AA|#abc|-12.5e1|\
    1.|1e400|2024-02-29|2023-02-29|2024-13|2020-W53|2024-W53|12:30:00.50|24:00|2024-02-29 12:30:00";

const NAMES: &str =
    "token|token|a b|n[]|&quot;q&quot;|café|日||action|method|submit|l1&#10;l2|_charset_|isindex";

const TARGETS: &str = "/session|session|../session?a=1&b=%20|?next=café日||\t/session |#part|./a/../session#x|/session?€#é";

const ENCTYPES: &str =
    "application/x-www-form-urlencoded|multipart/form-data|Multipart/Form-Data|text/plain|unknown|";

const CHARSETS: &str =
    "utf-8|UTF-8|windows-1252|iso-8859-1|latin1|shift_jis|koi8-r|gb18030|iso-8859-15";

/// What a form accepts: the first encoding that there is.
const ACCEPTED: &str = "latin1|nothing utf-8|windows-1252,utf-8|utf-16||nothing";

/// What looks like a page's encoding, and is none.
const NO_CHARSETS: &str = "<!-- <meta charset=koi8-r> -->|<meta name=description content='charset=koi8-r'>|\
    <title><meta charset=koi8-r></title>|<metadata charset=koi8-r>|<meta charset=nothing>";

const BASES: &str =
    "|||<base target=_self><base href=/x/y/><base href=/z/>|<base href=?q>|<base href=data:x>";

impl RandomPage {
    /// The page of this seed.
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let charset = dice.pick(CHARSETS);
        let (header, meta) = match dice.below(4) {
            0 => (format!("; charset={charset}"), String::new()),
            1 => (
                format!("; charset=\"{charset}\""),
                "<meta charset=koi8-r>".to_owned(),
            ),
            2 => (
                String::new(),
                format!("{}<meta charset={charset}>", dice.pick(NO_CHARSETS)),
            ),
            _ => {
                let content = format!("'text/html; charset={charset}'");
                (
                    String::new(),
                    format!("<meta content={content} http-equiv=Content-Type>"),
                )
            }
        };
        Self {
            content_type: format!("text/html{header}"),
            body: encoded(&dice.page(&meta), charset),
        }
    }
}

/// Numbers that look random, by the SplitMix64 generator, and pages made of them.
struct Dice(u64);

impl Dice {
    fn page(&mut self, meta: &str) -> String {
        let doctype = self.pick("<!doctype html>|");
        let base = self.pick(BASES);
        let before = self.pieces(3, 0);
        let form = self.form();
        // By its attribute, a control stays the form's wherever the markup puts it.
        let named = self.pick("| form=f");
        let kind = self.pick("|||| type=text| type=EMAIL| type=user| type| type=tel");
        let user = self.value();
        let within = [
            self.pieces(4, 0),
            format!("<input name=login{named}{kind}{user}>"),
            self.markup(3),
            format!("<input{named} type=password name=password>"),
            self.pieces(5, 0),
            self.button(),
        ];
        let within = within.concat();
        let end = self.pick("|</form>|</form></form>|</table></form>");
        let after = self.pieces(3, 0);
        format!("{doctype}{meta}<title>Log in</title>{base}{before}{form}{within}{end}{after}")
    }

    fn form(&mut self) -> String {
        let table = self.pick("||||<table>|<table><tr>|<table><tr><td>");
        let method = self.pick(" method=post| method=POST| method='post'");
        let action = self.maybe(1, "action", TARGETS);
        let enctype = self.maybe(2, "enctype", ENCTYPES);
        let charset = self.maybe(4, "accept-charset", ACCEPTED);
        format!("{table}<form id=f{method}{action}{enctype}{charset}>")
    }

    fn pieces(&mut self, most: usize, depth: usize) -> String {
        let count = self.below(most + 1);
        (0..count).map(|_| self.piece(depth)).collect()
    }

    fn markup(&mut self, most: usize) -> String {
        let count = self.below(most + 1);
        (0..count).map(|_| self.pick(MARKUP)).collect()
    }

    fn piece(&mut self, depth: usize) -> String {
        if depth > 3 {
            return self.control();
        }
        let kind = self.below(24);
        let [one, two, three] = [(); 3].map(|()| match kind {
            0..5 => self.pieces(2, depth + 1),
            _ => String::new(),
        });
        match kind {
            0 => format!("<table><tr><td>{one}<table>{two}</table>{three}</table>"),
            1 | 2 => {
                let disabled = self.pick("| disabled");
                format!(
                    "<fieldset{disabled}><legend>{one}</legend>{two}<legend>{three}</legend></fieldset>"
                )
            }
            3 => format!("<noscript>{one}</noscript>{two}"),
            4 => format!("<div hidden>{one}</div>{two}"),
            5 => format!("<template><form>{}</template>", self.unsent()),
            6 => format!("<datalist>{}</datalist>", self.unsent()),
            7 => format!("<!-- {} -->", self.unsent()),
            8 => self.unsent(),
            9 => self.button(),
            10..14 => self.markup(3),
            _ => self.control(),
        }
    }

    fn unsent(&mut self) -> String {
        let kind = self.pick("text|hidden|submit|image|password|checkbox");
        format!("<input type={kind} name={NEVER_SENT}-{kind} value=1 checked disabled>")
    }

    /// A control that nobody fills in: a person would take the text field in front of the password for the user name.
    fn control(&mut self) -> String {
        let name = self.pick(NAMES);
        let name = self.attribute("name", name);
        let form = self.maybe(6, "form", "f|f||nowhere");
        let value = self.value();
        let direction = self.pick("||||||| dirname=d| dirname=d dir=rtl| dir=rtl");
        let rest = format!("{name}{form}{value}");
        match self.below(10) {
            0..3 => format!("<input type=hidden{rest}{direction}>"),
            3 => {
                let kind = self.pick("checkbox|radio|RADIO");
                let checked = self.pick("| checked| checked=false");
                format!("<input type={kind}{rest}{checked}>")
            }
            4 => {
                let kind = self.pick(
                    "number|range|color|date|month|week|time|datetime-local|file|button|reset",
                );
                format!("<input type={kind}{rest}>")
            }
            5 => self.list(&rest),
            6 => {
                let text = self.pick(VALUES);
                let line = self.pick("|\n|\r\n| ");
                format!("<textarea{name}{form}{direction}>{line}{text}<b></textarea>")
            }
            7 => format!("<output{name}{form}>1</output><button type=button{name}>No</button>"),
            8 => format!("<input type=password form=nowhere{name}{value}>"),
            _ => {
                let kind = self.pick("text|url|email|email multiple|search|tel|x");
                let hidden = self.pick(" hidden| style='display: none'");
                format!("<input type={kind}{hidden}{rest}{direction}>")
            }
        }
    }

    fn list(&mut self, attributes: &str) -> String {
        let size = self.pick("|||| multiple| size=3| size=0| size=' 2x'| multiple size=1");
        let end = self.pick("</select>|</select>|<select>");
        let count = self.below(5);
        let options: String = (0..count).map(|_| self.option()).collect();
        format!("<select{attributes}{size}>{options}{end}")
    }

    fn option(&mut self) -> String {
        let group = self.pick("||||||||<optgroup>|<optgroup disabled>|</optgroup>|<div>|<hr>");
        let state = self.pick("||| selected| disabled| selected disabled");
        let value = self.value();
        let text = self.pick(VALUES);
        format!("{group}<option{state}{value}>{text}<b>.</b>")
    }

    /// A button that posts, whatever its form does.
    fn button(&mut self) -> String {
        let disabled = self.pick("|||| disabled| disabled=false");
        let name = match disabled {
            "" => self.pick(NAMES).to_owned(),
            _ => format!("{NEVER_SENT}-button"),
        };
        let name = self.attribute("name", &name);
        let form = self.maybe(3, "form", "f");
        let value = self.value();
        let action = self.maybe(4, "formaction", TARGETS);
        let enctype = self.maybe(4, "formenctype", ENCTYPES);
        let rest = format!("{name}{form}{value}{action}{enctype}{disabled} formmethod=post");
        match self.below(5) {
            0 => format!("<input type=submit{rest}>"),
            1 => format!("<input type=image{rest}>"),
            2 => format!("<button{rest}>Go</button>"),
            3 => format!("<button commandfor=x{rest}>Open</button>"),
            _ => format!("<button type=SUBMIT{rest}>Go"),
        }
    }

    fn value(&mut self) -> String {
        self.maybe(2, "value", VALUES)
    }

    /// An attribute that is there in one case of as many.
    fn maybe(&mut self, cases: usize, name: &str, values: &str) -> String {
        match self.below(cases) {
            0 => {
                let value = self.pick(values);
                self.attribute(name, value)
            }
            _ => String::new(),
        }
    }

    /// An attribute, in any of the ways to write one.
    fn attribute(&mut self, name: &str, value: &str) -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte);
        let is_plain = !value.is_empty() && value.bytes().all(plain);
        match self.below(3) {
            0 if is_plain => format!(" {name}={value}"),
            1 => format!(" {name} = '{value}'"),
            _ => format!(" {}=\"{value}\"", name.to_ascii_uppercase()),
        }
    }

    fn pick<'a>(&mut self, words: &'a str) -> &'a str {
        let count = words.split('|').count();
        let chosen = self.below(count);
        words
            .split('|')
            .nth(chosen)
            .expect("it is below their count")
    }

    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % count as u64).expect("it is below a usize")
    }
}

/// A page's bytes. What has other bytes in the encoding than in Latin-1, or none, is written as a reference.
fn encoded(page: &str, charset: &str) -> Vec<u8> {
    if charset.eq_ignore_ascii_case("utf-8") {
        return page.as_bytes().to_vec();
    }
    let is_latin = ["windows-1252", "iso-8859-1", "latin1"].contains(&charset);
    let bytes = page.chars().flat_map(|letter| match u8::try_from(letter) {
        Ok(byte) if byte.is_ascii() || is_latin && byte >= 0xa0 => vec![byte],
        _ => format!("&#{};", u32::from(letter)).into_bytes(),
    });
    bytes.collect()
}
