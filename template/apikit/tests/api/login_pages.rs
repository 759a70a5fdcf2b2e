//! Login pages as they are in the world, each a row: what is posted, and what the caller is told.

use std::io::Write;

use apikit::testing::oauth2::{Behaviour, Flavour, Hub, LoginForm, OwnPage};
use axum::http::Request;
use flate2::{Compression, write::GzEncoder};

use crate::{logs::Log, proxy::Setup};

fn page(html: &'static str) -> Behaviour {
    with_page(OwnPage::html(html))
}

fn with_page(page: OwnPage) -> Behaviour {
    Behaviour {
        form: LoginForm::Own(page),
        ..Behaviour::default()
    }
}

fn after(html: &'static str) -> Behaviour {
    Behaviour {
        hub: Hub::Shows(OwnPage::html(html)),
        ..Behaviour::default()
    }
}

/// The fields of a form that was sent URL-encoded, as they came.
fn fields(body: &[u8]) -> String {
    String::from_utf8(body.to_vec()).unwrap()
}

/// Each form has the user name and the password in it, and whatever else is to be sent.
#[tokio::test]
async fn forms_are_sent_as_html_defines_them() {
    for (html, sent) in [
        // Inputs of a form in a table are no descendants of it: the parser knows whose they are.
        (
            "<table><form method=post action=/session><tr><td><input name=login><tr><td><input name=password type=password></form></table>",
            "login=ada&password=right",
        ),
        // Controls name their form from anywhere.
        (
            "<input name=login form=f><form id=f method=post action=/session></form><p><input name=password type=password form=f>",
            "login=ada&password=right",
        ),
        // One that names no form belongs to none, wherever it stands.
        (
            "<form method=post action=/session><input name=login><input name=password type=password><input name=x value=1 form=nowhere></form>",
            "login=ada&password=right",
        ),
        // A nested form is none, and its end ends the outer one.
        (
            "<form method=post action=/session><input name=login><form action=/else><input name=password type=password></form><input name=late value=1>",
            "login=ada&password=right",
        ),
        // A button says where, how and as what.
        (
            "<form action=/nowhere method=get><input name=login><input name=password type=password><button formaction=/session formmethod=post name=go value=1>Go</button></form>",
            "login=ada&password=right&go=1",
        ),
        // Only the first enabled button is pressed.
        (
            "<form method=post action=/session><input name=login><input name=password type=password><input type=submit disabled name=a value=1><input type=submit name=b value=2><button name=c value=3>",
            "login=ada&password=right&b=2",
        ),
        // Nothing that is disabled is sent, by itself or by its fieldset; a first legend is spared.
        (
            "<form method=post action=/session><input name=login><input name=password type=password><input name=a value=1 disabled><fieldset disabled><legend><input name=b value=2></legend><input name=c value=3><legend><input name=d value=4></legend></fieldset></form>",
            "login=ada&password=right&b=2",
        ),
        // Types that HTML does not know are text, and so are the textual ones.
        (
            "<form method=post action=/session><input name=login type=username><input name=password type=PASSWORD></form>",
            "login=ada&password=right",
        ),
        (
            "<form method=post action=/session><input name=login type=''><input name=password type=password></form>",
            "login=ada&password=right",
        ),
        (
            "<form method=post action=/session><input name=login type=tel><input name=password type=password></form>",
            "login=ada&password=right",
        ),
        // The user name behind the password, where it says what it is.
        (
            "<form method=post action=/session><input name=password type=password><input name=login autocomplete='section-a username'></form>",
            "password=right&login=ada",
        ),
        // Without scripts, what is in noscript counts; what is in a template does not.
        (
            "<noscript><form method=post action=/session><input name=login><input name=password type=password></form></noscript><template><form><input type=password name=x></form></template>",
            "login=ada&password=right",
        ),
        // Lists, boxes and lines.
        (
            "<form method=post action=/session><select name=s><option>a<option selected value=b>B<option selected value=c>C</select><select name=m multiple><option selected>x<option selected disabled>y<option selected>  z  z </select><select name=e></select><textarea name=t>\n1\n2</textarea><input type=radio name=r value=1 checked><input type=radio name=r value=2 checked><input type=checkbox name=k checked><input type=checkbox name=l><input name=login><input name=password type=password></form>",
            "s=c&m=x&m=z+z&t=1%0D%0A2&r=2&k=on&login=ada&password=right",
        ),
        // A decoy that nobody sees stays empty.
        (
            "<form method=post action=/session><input name=login><input name=website style='display: none'><input name=nick hidden><input name=password type=password></form>",
            "login=ada&website=&nick=&password=right",
        ),
        // Nor does the password go into one, while there is a field that people see.
        (
            "<form method=post action=/session><input name=login><input name=x type=password style='display:none'><input name=password type=password></form>",
            "login=ada&x=&password=right",
        ),
        (
            "<form method=post action=/session><input name=login><div hidden><input name=x type=password></div><input name=password type=password></form>",
            "login=ada&x=&password=right",
        ),
        (
            "<form method=post action=/session><p style='Visibility: Hidden'><input name=x type=password></p><input name=login><input name=password type=password></form>",
            "x=&login=ada&password=right",
        ),
        // Not even in a form of its own.
        (
            "<form method=post action=/join hidden><input name=email><input name=x type=password></form><form method=post action=/session><input name=login><input name=password type=password></form>",
            "login=ada&password=right",
        ),
        // Where nobody sees any, a script may show it later.
        (
            "<form method=post action=/session><input name=login><input name=password type=password hidden></form>",
            "login=ada&password=right",
        ),
        (
            "<body style='visibility:hidden'><form method=post action=/session><input name=login><input name=password type=password></form>",
            "login=ada&password=right",
        ),
        // The names of a form's controls may be its attributes' names, too.
        (
            "<form method=post action=/session><input name=action value=1><input name=method value=2><input name=login><input name=password type=password></form>",
            "action=1&method=2&login=ada&password=right",
        ),
        // The encoding is told where a form asks for it.
        (
            "<form method=post action=/session accept-charset=latin1><input type=hidden name=_charset_><input type=hidden name=a value='é€'><input type=hidden name=b value='日'><input name=login><input name=password type=password></form>",
            "_charset_=windows-1252&a=%E9%80&b=%26%2326085%3B&login=ada&password=right",
        ),
        // Old pages part encodings by commas.
        (
            "<form method=post action=/session accept-charset='none,latin1'><input type=hidden name=a value='é'><input name=login><input name=password type=password></form>",
            "a=%E9&login=ada&password=right",
        ),
        // A base that is no place is none.
        (
            "<base href=data:x><form method=post action=session><input name=login><input name=password type=password></form>",
            "login=ada&password=right",
        ),
        // A button with a command for another element submits nothing, unless it says so.
        (
            "<form method=post action=/session><input name=login><input name=password type=password><button commandfor=x name=a value=1></button><button name=b value=2></button></form>",
            "login=ada&password=right&b=2",
        ),
        (
            "<form method=post action=/session><input name=login><input name=password type=password><button type=submit commandfor=x name=a value=1></button></form>",
            "login=ada&password=right&a=1",
        ),
        // The direction of what is in a field; a phone number's is its own.
        (
            "<form method=post action=/session dir=rtl><input type=hidden name=a dirname=d><input type=tel hidden name=b dirname=e><p dir=no><input hidden name=c dirname=f><input name=login><input name=password type=password></form>",
            "a=&d=rtl&b=&e=ltr&c=&f=rtl&login=ada&password=right",
        ),
        // A list of some height shows nothing as chosen.
        (
            "<form method=post action=/session><select name=a size=' 2x'><option>1</select><select name=b size=-2><option>1</select><input name=login><input name=password type=password></form>",
            "b=1&login=ada&password=right",
        ),
        // What looks like an option within another one is its text.
        (
            "<form method=post action=/session><select name=a><option>1<div><option selected>2</select><select name=b multiple><option>1<div><option selected>2</select><input name=login><input name=password type=password></form>",
            "a=12&login=ada&password=right",
        ),
        // What is no value of its type is none; some types have one anyway.
        (
            "<form method=post action=/session><input type=email multiple hidden name=a value=' a@b , c@d '><input type=number name=n value=1.><input type=color name=c value=' #FfF'><input type=range name=r min=10 max=20><input type=range name=s value=120><input type=date name=d value=2023-02-29><input name=login><input name=password type=password></form>",
            "a=a%40b%2Cc%40d&n=&c=%23ffffff&r=15&s=100&d=&login=ada&password=right",
        ),
        // Relative to the page's base.
        (
            "<base href=/x/><form method=post action=../session><input name=login><input name=password type=password></form>",
            "login=ada&password=right",
        ),
    ] {
        let setup = Setup::new(page(html)).await;
        let answer = setup.get("ada", "right").await;
        let forms = setup.forms();
        let found = forms.first().map(|(_, body)| fields(body));
        assert_eq!(found.as_deref(), Some(sent), "{html}: {answer:?}");
    }
}

#[tokio::test]
async fn a_form_is_posted_in_the_encoding_of_its_page() {
    const LATIN: &[u8] = b"<form method=post action=/session><input type=hidden name=t value='\xe9'><input name=login><input name=password type=password></form>";
    const DECLARED: &[u8] = b"<meta charset=iso-8859-1><form method=post action=/session><input type=hidden name=t value='\xe9'><input name=login><input name=password type=password></form>";
    // What is in a comment or a title, or of no known kind, declares nothing.
    const DECOYED: &[u8] = b"<!-- <meta charset=koi8-r> --><title><meta charset=koi8-r></title><meta name=description content='charset=koi8-r'><meta charset=latin1><form method=post action=/session><input type=hidden name=t value='\xe9'><input name=login><input name=password type=password></form>";
    for (content_type, body, sent) in [
        ("text/html; charset=latin1", LATIN, "t=%E9"),
        ("text/html; charset='latin1'", LATIN, "t=%E9"),
        ("text/html", LATIN, "t=%E9"),
        ("text/html", DECLARED, "t=%E9"),
        ("text/html", DECOYED, "t=%E9"),
        ("text/html; charset=utf-8", LATIN, "t=%EF%BF%BD"),
    ] {
        let setup = Setup::new(with_page(OwnPage {
            content_type,
            body,
            ..OwnPage::html("")
        }))
        .await;
        let _ = setup.get("ada", "right").await;
        let (_, body) = &setup.forms()[0];
        let sent = format!("{sent}&login=ada&password=right");
        assert_eq!(fields(body), sent, "{content_type}");
    }
}

#[tokio::test]
async fn a_form_may_be_multipart() {
    let html = "<form method=post enctype=multipart/form-data action=/session><input type=hidden name='a\"b' value='1\n2'><input type=file name=f><input name=login><input name=password type=password></form>";
    let setup = Setup::new(page(html)).await;
    let _ = setup.get("ada", "right").await;
    let (media_type, body) = &setup.forms()[0];
    let (_, boundary) = media_type
        .split_once("multipart/form-data; boundary=")
        .unwrap();
    let part = |name: &str, value: &str| {
        format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        )
    };
    let parts = [
        part("a%22b", "1\r\n2"),
        format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"f\"; filename=\"\"\r\nContent-Type: application/octet-stream\r\n\r\n\r\n"
        ),
        part("login", "ada"),
        part("password", "right"),
    ];
    assert_eq!(
        fields(body),
        format!("{}--{boundary}--\r\n", parts.concat())
    );
}

#[tokio::test]
async fn a_page_in_a_coding_that_nobody_asked_for_is_read() {
    let form = b"<form method=post action=/session><input name=login><input name=password type=password></form>";
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(form).unwrap();
    let gzip: &[u8] = encoder.finish().unwrap().leak();
    let coded = |coding| OwnPage {
        body: gzip,
        coding,
        ..OwnPage::html("")
    };
    let setup = Setup::new(with_page(coded("gzip"))).await;
    assert_eq!(setup.get("ada", "right").await.unwrap(), "ada");
    let setup = Setup::new(with_page(coded("br"))).await;
    let error = setup.get("ada", "right").await.unwrap_err().to_string();
    assert!(error.contains("its Content-Encoding \"br\""), "{error}");
}

/// What a provider shows between the password and the way back.
#[tokio::test]
async fn pages_between_lead_on() {
    for html in [
        // response_mode=form_post, without a button, with one, and behind a script.
        "<body onload='document.forms[0].submit()'><form method=post action='{callback}'><input type=hidden name=code value='{code}'><input type=hidden name=state value='{state}'></form>",
        "<form method=post action='{callback}'><input type=hidden name=code value='{code}'><input type=hidden name=state value='{state}'><noscript><button>Go on</button></noscript></form>",
        "<form method=get action='{callback}'><input type=hidden name=code value='{code}'><input type=hidden name=state value='{state}'><input type=submit></form>",
        // A refresh, in the spellings that browsers take.
        "<meta http-equiv=refresh content='0; url={back}'>",
        "<META HTTP-EQUIV=Refresh CONTENT='0;{back}'>",
        "<meta http-equiv=refresh content=' 0.5 , URL = \"{back}\" '>",
        "<meta http-equiv=refresh content='0 url={back}'>",
        "<noscript><meta http-equiv=refresh content=\"0;url='{back}'\"></noscript>",
    ] {
        let setup = Setup::new(after(html)).await;
        let answer = setup.get("ada", "right").await;
        assert_eq!(answer.unwrap(), "ada", "{html}");
        assert_eq!(setup.passwords_sent(), 1, "{html}");
    }
    for header in ["0; url={back}", "0;{back}", "1,URL='{back}'"] {
        let setup = Setup::new(Behaviour {
            hub: Hub::RefreshHeader(header),
            ..Behaviour::default()
        })
        .await;
        assert_eq!(setup.get("ada", "right").await.unwrap(), "ada", "{header}");
    }
}

/// A form of hidden fields that is all there is on a page of the provider's posts itself. Any other may do harm, and the
/// login begins again, with somebody whom the provider knows.
#[tokio::test]
async fn a_form_of_hidden_fields_is_sent_where_a_page_has_nothing_else() {
    for (html, sent) in [
        (
            "<body onload='document.forms[0].submit()'><form action=/detour/x><input type=hidden name=to value='{back}'></form>",
            true,
        ),
        // By GET it goes no further than to the first address.
        (
            "<form action=/detour/again><input type=hidden name=to value='{back}'></form>",
            true,
        ),
        (
            "<title>Home</title><!-- {back} --><form action=/search><input name=q></form><form action=/detour/x method=post><input type=hidden name=t value=1></form>",
            false,
        ),
        (
            "<title>Home</title><!-- {back} --><form action=/detour/x method=post><input type=hidden name=t value=1></form><form action=/detour/x method=post><input type=hidden name=u value=1></form>",
            false,
        ),
        (
            "<title>Home</title><!-- {back} --><a href=/help>Help</a><form action=/detour/x method=post><input type=hidden name=t value=1></form>",
            false,
        ),
    ] {
        let setup = Setup::new(after(html)).await;
        let answer = setup.get("ada", "right").await;
        assert_eq!(answer.unwrap(), "ada", "{html}");
        let requests = setup.requests();
        let mut paths = requests.iter().map(|request| request.uri().path());
        let found = paths.any(|path| path.starts_with("/detour/"));
        assert_eq!(found, sent, "{html}");
    }
}

/// A provider below the proxy's own origin, which shows this page after the password.
fn beside_the_proxy(page: OwnPage) -> Behaviour {
    let form = "<form method=post action=/dex/session><input name=login><input name=password type=password></form>";
    Behaviour {
        hub_below: "/dex",
        hub: Hub::Shows(page),
        form: LoginForm::Own(OwnPage::html(form)),
        ..Behaviour::default()
    }
}

#[tokio::test]
async fn no_link_is_followed_but_one_back_to_the_proxys_login() {
    for html in [
        "<title>Welcome</title><a href=/dex/logout>Log out</a>",
        "<title>Welcome</title><a href=/>Home</a>",
        "<title>Welcome</title><a href=/oauth2/sign_out>Log out</a>",
    ] {
        let setup = Setup::new(beside_the_proxy(OwnPage::html(html))).await;
        let error = setup.get("ada", "right").await.unwrap_err();
        assert_eq!(error.status().as_u16(), 502, "{html}: {error}");
        let told = "its title is \"Welcome\"";
        assert!(error.to_string().contains(told), "{html}: {error}");
        assert_eq!(setup.passwords_sent(), 1, "{html}");
        let requests = setup.requests();
        let mut paths = requests.iter().map(|request| request.uri().path());
        assert!(!paths.any(|path| path == "/logout"), "{html}");
    }
    for html in [
        "<!-- {back} --><a href=/oauth2/sign_in>Log in again</a>",
        "<!-- {back} --><a href=/help>Help</a><a href='/oauth2/start?rd=/x'>Log in again</a>",
    ] {
        let setup = Setup::new(beside_the_proxy(OwnPage {
            status: 404,
            ..OwnPage::html(html)
        }))
        .await;
        assert_eq!(setup.get("ada", "right").await.unwrap(), "ada", "{html}");
        assert_eq!(setup.passwords_sent(), 1, "{html}");
    }
}

#[tokio::test]
async fn a_redirect_within_a_login_may_have_any_bytes() {
    for (to, path) in [
        (&b"/detour/caf\xc3\xa9"[..], "/detour/caf%C3%A9"),
        (b"/detour/caf\xe9", "/detour/caf%E9"),
        (b"detour/caf%C3%A9?q=\xc3\xa9", "/detour/caf%C3%A9"),
    ] {
        let takes_form = false;
        let setup = Setup::new(Behaviour {
            hub: Hub::Detours { to, takes_form },
            ..Behaviour::default()
        })
        .await;
        assert_eq!(setup.get("ada", "right").await.unwrap(), "ada", "{path}");
        let requests = setup.requests();
        let mut paths = requests.iter().map(|request| request.uri().path());
        assert!(paths.any(|asked| asked == path), "{path}");
    }
}

/// "Wrong" is said only where the provider said it.
#[tokio::test]
async fn a_page_after_the_password_is_reported_as_what_it_is() {
    let form = "<form method=post action=/session><input name=login><input name=password type=password></form>";
    for (html, status, told) in [
        // Dex.
        (
            "<title>dex</title><form method=post action=/approval><input type=hidden name=req value=1><input type=hidden name=approval value=approve><button>Grant Access</button></form>",
            403,
            "asks whether you allow the application",
        ),
        // Keycloak.
        (
            "<title>Grant</title><form method=post action=/login-actions/consent><input type=hidden name=code value=1><input name=accept type=submit value=Yes><input name=cancel type=submit value=No></form>",
            403,
            "asks whether you allow the application",
        ),
        (
            "<title>Terms of use</title><form method=post action=/terms><input type=checkbox name=agreed><button>Go on</button></form>",
            502,
            "its title is \"Terms of use\"",
        ),
        (
            "<title>Choose a new password</title><p>It has expired.",
            502,
            "its title is \"Choose a new password\"",
        ),
    ] {
        let setup = Setup::new(after(html)).await;
        let error = setup.get("ada", "right").await.unwrap_err();
        assert_eq!(error.status().as_u16(), status, "{html}: {error}");
        assert!(error.to_string().contains(told), "{html}: {error}");
        assert_eq!(setup.passwords_sent(), 1, "{html}");
    }
    for (status, extra, verdict) in [
        (200, "<p class=flash-error>No.", 401),
        (200, "<div role=alert>Nein.</div>", 401),
        (200, "<p>The password is incorrect.", 401),
        (401, "", 401),
        (422, "", 401),
        // The same page again, and no word why.
        (200, "", 502),
        (403, "", 502),
    ] {
        let html = format!("<title>Again</title>{extra}{form}");
        let again = OwnPage {
            status,
            body: html.leak().as_bytes(),
            ..OwnPage::html("")
        };
        let setup = Setup::new(Behaviour {
            hub: Hub::Shows(again),
            ..page(form)
        })
        .await;
        let error = setup.get("ada", "right").await.unwrap_err();
        assert_eq!(
            error.status().as_u16(),
            verdict,
            "{status} {extra}: {error}"
        );
    }
}

#[tokio::test]
async fn a_provider_that_wants_the_page_of_a_form_gets_it() {
    let setup = Setup::new(Behaviour {
        hub: Hub::WantsReferrer,
        ..Behaviour::default()
    })
    .await;
    assert_eq!(setup.get("ada", "right").await.unwrap(), "ada");
}

/// What of a request a provider may look at, a word each.
fn sent_by(request: &Request<()>, origin: &str) -> String {
    let header = |name: &str| match request.headers().get(name) {
        Some(value) => value.to_str().unwrap().replace(origin, ""),
        None => "none".to_owned(),
    };
    let page = header("referer");
    let page = page.split('?').next().unwrap_or_default().to_owned();
    let origin = match request.headers().get("origin") {
        Some(value) if value == origin => "own".to_owned(),
        _ => header("origin"),
    };
    let path = request.uri().path();
    format!("{} {path} from {page} of {origin}", request.method())
}

#[tokio::test]
async fn a_login_asks_as_a_browser_does_and_says_which_service_it_is() {
    let (to, takes_form) = (&b"/detour/x"[..], true);
    for (hub, expected) in [
        (
            Hub::Fine,
            &[
                "GET /login from none of none",
                "POST /session from /login of own",
            ][..],
        ),
        // A form that a redirect takes elsewhere is still the page's.
        (
            Hub::Detours { to, takes_form },
            &[
                "POST /session from /login of own",
                "POST /detour/x from /login of own",
            ],
        ),
        // A form that is sent by GET is no danger, and has no origin.
        (
            Hub::Shows(OwnPage::html(
                "<form action=/detour/x><input type=hidden name=to value='{back}'></form>",
            )),
            &["GET /detour/x from /session of none"],
        ),
    ] {
        let shown = format!("{hub:?}");
        let setup = Setup::new(Behaviour {
            hub,
            ..Behaviour::default()
        })
        .await;
        assert_eq!(setup.get("ada", "right").await.unwrap(), "ada", "{shown}");
        let requests = setup.requests();
        let origin = format!("http://{}", setup.login_host());
        let sent: Vec<_> = requests.iter().map(|one| sent_by(one, &origin)).collect();
        for line in expected {
            assert!(sent.iter().any(|sent| sent == line), "{line}: {sent:#?}");
        }
        for request in &requests {
            assert_eq!(request.headers()["accept-language"], "en", "{shown}");
            let agent = request.headers()["user-agent"].to_str().unwrap();
            assert!(agent.starts_with("realm apikit/"), "{agent}");
        }
    }
}

#[tokio::test]
async fn a_provider_below_the_proxys_own_origin_is_no_page_of_the_proxy() {
    for flavour in [Flavour::Bitly, Flavour::V7, Flavour::NginxPage] {
        let setup = Setup::new(Behaviour {
            flavour,
            hub_below: "/dex",
            ..page(
                "<form method=post action=/dex/session><input name=login><input name=password type=password>\
                 <input type=hidden name=return_to value='{return_to}'></form>",
            )
        })
        .await;
        let error = setup.get("ada", "right").await;
        assert_eq!(error.unwrap(), "ada", "{flavour:?}");
    }
}

/// A proxy without an htpasswd file looks at no password: that is the operator's matter, and not the caller's. One that
/// sends on to its provider does the same with a wrong password, so that both are told.
#[tokio::test]
async fn a_proxy_without_an_htpasswd_file_is_no_verdict_on_a_password() {
    for (login, flavour, status) in [
        ("htpasswd", Flavour::Bitly, 502),
        ("htpasswd", Flavour::V7, 502),
        ("htpasswd", Flavour::NginxPage, 502),
        ("htpasswd", Flavour::BitlySkip, 401),
        ("htpasswd", Flavour::V7Skip, 401),
        ("basic", Flavour::Bitly, 401),
        ("basic", Flavour::V7, 401),
        ("basic", Flavour::V7Skip, 401),
        ("basic", Flavour::V7Json, 401),
        ("basic", Flavour::NginxPage, 401),
        ("basic", Flavour::NginxRedirect, 401),
    ] {
        let log = Log::start(&format!("no_htpasswd_{login}_{flavour:?}"));
        let behaviour = Behaviour {
            flavour,
            ..Behaviour::default()
        };
        let setup = Setup::with(behaviour, &["--auth-login", login]).await;
        let error = setup.get("robot", "right").await.unwrap_err();
        let told = error.to_string();
        let shown = format!("{login} {flavour:?}: {told}");
        assert_eq!(error.status().as_u16(), status, "{shown}");
        assert!(told.contains("no htpasswd file"), "{shown}");
        assert!(told.contains("AUTH_LOGIN"), "{shown}");

        let warnings = log.lines();
        let mut warnings = warnings.iter().filter(|line| line["level"] == "WARN");
        let warning = warnings.next().expect(&shown).to_string();
        assert!(warning.contains("AUTH_LOGIN"), "{shown}: {warning}");
        assert_eq!(warnings.next(), None, "{shown}");
    }
}

#[tokio::test]
async fn the_proxys_own_pages_are_no_back_end() {
    let setup = Setup::new(Behaviour::default()).await;
    assert_eq!(setup.get("ada", "right").await.unwrap(), "ada");
    for path in ["/oauth2/start", "/oauth2/sign_out", "/oauth2/callback"] {
        let error = setup.ask(path).await.unwrap_err();
        assert_eq!(error.status().as_u16(), 500, "{path}");
    }
    // Nor by what a caller sends: some proxies decode a path before they look at it.
    for (path, segment) in [
        ("", "oauth2/sign_out"),
        ("/oauth2", "sign_out"),
        ("/", "OAuth2/start"),
        ("/%6Fauth2", "callback"),
        ("/oauth2//", "sign_in"),
    ] {
        let asked = setup.ask_segment(path, segment).await;
        let refused = asked.map_err(|error| error.status().as_u16());
        let expected = match segment {
            "OAuth2/start" => Ok("ada".to_owned()),
            _ => Err(400),
        };
        assert_eq!(refused, expected, "{path} {segment}");
    }
    // The session lives on.
    assert_eq!(setup.get("ada", "right").await.unwrap(), "ada");
    assert_eq!(setup.passwords_sent(), 1);
}
