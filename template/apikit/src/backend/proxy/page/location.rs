//! Where a page is, and where the addresses on it lead.

use encoding_rs::Encoding;
use reqwest::Url;

use super::{dom::Dom, encoding, is_blank};

/// Where a page is, and how addresses on it are read.
pub struct Location {
    /// The URL of the page.
    url: Url,
    /// What relative URLs begin at.
    pub base: Url,
    /// The page's encoding, which the queries of its URLs are in as well.
    pub encoding: &'static Encoding,
}

impl Location {
    /// The location of a page at `url`, whose relative URLs begin where its first `<base href=…>` says.
    pub fn of(dom: &Dom, url: &Url, encoding: &'static Encoding) -> Self {
        let base = dom
            .elements()
            .find(|id| dom.is(*id, "base") && dom.has(*id, "href"))
            .and_then(|base| url.join(dom.attribute(base, "href")?).ok())
            .filter(|base| !["data", "javascript"].contains(&base.scheme()));
        Self {
            url: url.clone(),
            base: base.unwrap_or_else(|| url.clone()),
            encoding,
        }
    }

    /// Where an `action` leads: an empty one to the page itself; `None` where it is no URL.
    pub fn target(&self, action: &str) -> Option<Url> {
        let encode = |text: &str| encoding::in_query(text, self.encoding);
        match action.trim_matches(is_blank) {
            "" => Some(self.url.clone()),
            action => Url::options()
                .base_url(Some(&self.base))
                .encoding_override(Some(&|text| encode(text).into()))
                .parse(action)
                .ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::WINDOWS_1252;

    use super::*;

    #[test]
    fn the_query_of_an_action_is_in_the_encoding_of_the_page() {
        let dom = Dom::parse("<base href=/x/>");
        let url: Url = "https://hub.example/login".parse().expect("it is a URL");
        let page = Location::of(&dom, &url, WINDOWS_1252);
        for (action, target) in [
            ("?\u{e9}=\u{65e5}", "/x/?%E9=%26%2326085%3B"),
            ("/\u{e9}?\u{20ac}", "/%C3%A9?%80"),
            (" ", "/login"),
            ("\t../session ", "/session"),
        ] {
            let found = page.target(action).expect("it is a URL");
            assert_eq!(
                found.as_str(),
                format!("https://hub.example{target}"),
                "{action}"
            );
        }
        assert_eq!(page.target("http://["), None);
    }
}
