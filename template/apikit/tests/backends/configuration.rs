//! The settings of a named back-end: what they are called, and what is wrong with them in one sentence.

use std::{fs, time::Duration};

use apikit::{
    Setup, StartError,
    backend::{BackendName, NamedBackend},
    testing,
};
use axum::{Router, http::StatusCode};
use clap::{Args, CommandFactory, Parser};
use secrecy::ExposeSecret;

use crate::keeper::{Config, IDENTITY, Keeper, counted, keeper, parsed, served, started};

const URL: &str = "--keeper-url=http://127.0.0.1:9";

#[test]
fn a_back_end_has_settings_that_begin_with_its_name() {
    let (_, config) = parsed(&[
        "--keeper-url=https://keeper.example.org/api/",
        "--keeper-timeout=250ms",
        "--keeper-username=robot",
        "--keeper-password=hidden-word",
    ])
    .unwrap();
    let keeper = config.keeper;
    assert_eq!(keeper.url.as_str(), "https://keeper.example.org/api/");
    assert_eq!(keeper.timeout, Duration::from_millis(250));
    assert_eq!(keeper.username.as_deref(), Some("robot"));
    assert_eq!(keeper.password.unwrap().expose_secret(), "hidden-word");
    let (_, config) = parsed(&[URL]).unwrap();
    assert_eq!(config.keeper.timeout, Duration::from_secs(10));
}

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    keeper: NamedBackend<ReportKeeper>,
}

struct ReportKeeper;

impl BackendName for ReportKeeper {
    const NAME: &'static str = "report-keeper";
    const DEFAULT_URL: Option<&'static str> = Some("https://keeper.example.org");
}

#[test]
fn each_setting_is_a_variable_too_and_a_back_end_may_have_a_usual_address() {
    let command = Command::command();
    let mut settings = command.get_arguments().filter_map(|argument| {
        let variable = argument.get_env()?.to_str()?;
        Some((argument.get_long()?.to_owned(), variable.to_owned()))
    });
    for (flag, variable) in [
        ("report-keeper-url", "REPORT_KEEPER_URL"),
        ("report-keeper-timeout", "REPORT_KEEPER_TIMEOUT"),
        ("report-keeper-username", "REPORT_KEEPER_USERNAME"),
        ("report-keeper-password", "REPORT_KEEPER_PASSWORD"),
        ("report-keeper-password-file", "REPORT_KEEPER_PASSWORD_FILE"),
        ("report-keeper-token", "REPORT_KEEPER_TOKEN"),
        ("report-keeper-token-file", "REPORT_KEEPER_TOKEN_FILE"),
    ] {
        let expected = Some((flag.to_owned(), variable.to_owned()));
        assert_eq!(settings.next(), expected);
    }
    assert_eq!(settings.next(), None);
    let help = command.clone().render_long_help().to_string();
    assert!(help.contains("Back-end report-keeper:"), "{help}");

    let command = Command::parse_from(["test"]);
    assert_eq!(command.keeper.url.as_str(), "https://keeper.example.org/");
}

#[test]
fn no_secret_is_shown() {
    for flags in [
        [
            URL,
            "--keeper-username=robot",
            "--keeper-password=hidden-word",
        ],
        [URL, "--keeper-timeout=10s", "--keeper-token=hidden-word"],
    ] {
        let (_, config) = parsed(&flags).unwrap();
        let shown = format!("{config:?}");
        assert!(
            shown.contains("keeper") && !shown.contains("hidden-word"),
            "{shown}"
        );
        let shown = format!("{:?}", keeper("http://127.0.0.1:9", &flags[1..]));
        assert!(
            shown.contains("keeper") && !shown.contains("hidden-word"),
            "{shown}"
        );
    }
    let command = Command::command();
    for secret in ["report_keeper_password", "report_keeper_token"] {
        let mut arguments = command.get_arguments();
        let argument = arguments
            .find(|argument| argument.get_id() == secret)
            .unwrap();
        assert!(argument.is_hide_env_values_set(), "{secret}");
    }
}

#[test]
fn an_address_that_is_missing_or_wrong_is_one_sentence() {
    for (flags, sentence) in [
        (
            &[][..],
            "--keeper-url or KEEPER_URL must be set: see --help.",
        ),
        (
            &["--keeper-token=t"],
            "--keeper-url or KEEPER_URL must be set: see --help.",
        ),
        (
            &["--keeper-url=keeper"],
            "invalid value 'keeper' for '--keeper-url <URL>': it must be http:// or https:// with a host and perhaps a path, such as https://myservice.example.org",
        ),
        (
            &[URL, "--keeper-timeout=0s"],
            "invalid value '0s' for '--keeper-timeout <TIME>': it must be more than zero, such as 500ms or 10s",
        ),
    ] {
        assert_eq!(parsed(flags).unwrap_err(), sentence);
    }
}

#[test]
fn an_account_that_is_none_is_one_sentence() {
    let folder = std::env::temp_dir().join(format!("apikit-accounts-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let empty = folder.join("empty");
    fs::write(&empty, "\n").unwrap();
    let (empty, absent) = (empty.to_str().unwrap(), folder.join("absent"));
    let absent = absent.to_str().unwrap();
    let of_empty = format!("--keeper-token-file={empty}");
    let of_absent = format!("--keeper-password-file={absent}");
    let not_read = format!("KEEPER_PASSWORD_FILE {absent:?} cannot be read: ");
    for (flags, sentence) in [
        (
            &["--keeper-token=t", "--keeper-password=p"][..],
            "KEEPER_TOKEN and KEEPER_PASSWORD are both set: the service has one account there.",
        ),
        (
            &[
                "--keeper-token=t",
                "--keeper-username=u",
                "--keeper-password=p",
            ],
            "KEEPER_TOKEN and KEEPER_USERNAME are both set: the service has one account there.",
        ),
        (
            &["--keeper-token=t", &of_empty],
            "KEEPER_TOKEN and KEEPER_TOKEN_FILE are both set: only one can be.",
        ),
        (
            &["--keeper-username=u"],
            r#"KEEPER_USERNAME is "u", but neither KEEPER_PASSWORD nor KEEPER_PASSWORD_FILE is set."#,
        ),
        (
            &["--keeper-password=p"],
            "KEEPER_PASSWORD is set, but KEEPER_USERNAME is not.",
        ),
        (
            &["--keeper-username=a:b", "--keeper-password=p"],
            r#"KEEPER_USERNAME is "a:b", but must be a name without a colon."#,
        ),
        (&["--keeper-token="], "KEEPER_TOKEN is empty."),
        (&[&of_empty], "KEEPER_TOKEN_FILE is empty."),
        (
            &["--keeper-token=a\nb"],
            "KEEPER_TOKEN has a character that no header can hold.",
        ),
        (&["--keeper-username=u", &of_absent], &not_read),
    ] {
        let refused = counted("http://127.0.0.1:9", flags, &apikit::Metrics::default());
        let told = refused.unwrap_err();
        assert!(told.starts_with(sentence), "{flags:?}: {told}");
    }
    fs::remove_dir_all(&folder).unwrap();
}

#[derive(Args)]
struct Optional {
    #[command(flatten)]
    keeper: Option<NamedBackend<Keeper>>,
}

#[test]
fn a_back_end_may_be_optional() {
    let parsed = |flags: &[&str]| {
        let parsed = testing::parsed::<Optional>(&IDENTITY, flags);
        parsed.map(|(_, config)| config.keeper.map(|keeper| keeper.url.to_string()))
    };
    assert_eq!(parsed(&[]), Ok(None));
    assert_eq!(parsed(&[URL]), Ok(Some("http://127.0.0.1:9/".to_owned())));
    let missing = "--keeper-url or KEEPER_URL must be set: see --help.".to_owned();
    assert_eq!(parsed(&["--keeper-token=t"]), Err(missing));
}

#[derive(Args)]
struct Twice {
    #[command(flatten)]
    one: NamedBackend<Keeper>,
    #[command(flatten)]
    other: NamedBackend<Namesake>,
}

struct Namesake;

impl BackendName for Namesake {
    const NAME: &'static str = "keeper";
}

#[derive(Args)]
struct Taken {
    #[command(flatten)]
    auth: NamedBackend<LikeTheAccount>,
}

struct LikeTheAccount;

impl BackendName for LikeTheAccount {
    const NAME: &'static str = "auth";
}

#[derive(Args)]
struct OfTheAuthor {
    #[command(flatten)]
    keeper: NamedBackend<Keeper>,
    #[arg(long = "where", env = "KEEPER_URL")]
    place: Option<String>,
}

#[test]
fn settings_that_share_a_name_are_one_sentence() {
    fn refused<C: Args>() -> String {
        let parsed = testing::parsed::<C>(&IDENTITY, &[URL]);
        parsed.map(|_| ()).unwrap_err()
    }
    let sentence = |name: &str| {
        format!(
            "Two settings are named {name}: each needs a name of its own, and so does each back-end."
        )
    };
    assert_eq!(refused::<Twice>(), sentence("--keeper-url"));
    assert_eq!(refused::<Taken>(), sentence("--auth-username"));
    assert_eq!(refused::<OfTheAuthor>(), sentence("KEEPER_URL"));
}

#[tokio::test]
async fn a_back_end_that_is_set_up_twice_keeps_the_service_from_starting() {
    let start = async |config: &Config, setup: &mut Setup| {
        setup.backend(&config.keeper)?;
        setup.backend(&config.keeper)?;
        Ok(())
    };
    let refused = started(start, &[URL]).await.unwrap_err();
    let sentence = r#"Two back-ends are named "keeper": each needs a name of its own."#;
    assert_eq!(refused, sentence);
}

/// The body of the back-end's 404, and what the operator reads of a start that needs more.
#[tokio::test]
async fn a_start_that_a_back_end_refuses_is_one_sentence() {
    let page = format!("<html>\n\n <body>\r\n{}", "<p>\tno</p>\n".repeat(5000));
    let folded = format!("<html> <body>{}", " <p> no</p>".repeat(5000));
    let cut: String = folded.chars().take(200).collect();
    let unbroken = "é".repeat(300);
    for (body, told) in [
        (page, format!("404 Not Found: {cut}….")),
        (
            unbroken.clone(),
            format!("404 Not Found: {}….", &unbroken[..400]),
        ),
        (
            "no such\n list.\n".to_owned(),
            "404 Not Found: no such list.".to_owned(),
        ),
        (String::new(), "404 Not Found.".to_owned()),
    ] {
        let url = served(Router::new().fallback(async move || (StatusCode::NOT_FOUND, body))).await;
        let start = async |config: &Config, setup: &mut Setup| {
            setup.backend(&config.keeper)?.get("/x").send().await?;
            Ok(())
        };
        let refused = started(start, &[&format!("--keeper-url={url}")]).await;
        let sentence = format!("The service cannot start: {told}");
        assert_eq!(refused.unwrap_err(), sentence);
    }
    let start = async |_: &Config, _: &mut Setup| {
        Err(std::io::Error::other("line 1\n  |\n1 | a =\n  |    ^"))?;
        Ok(())
    };
    let refused = started(start, &[URL]).await.unwrap_err();
    assert_eq!(refused, "The service cannot start: line 1 | 1 | a = | ^.");
}

#[tokio::test]
async fn an_account_that_is_none_is_a_fault_of_the_configuration() {
    let start = async |config: &Config, setup: &mut Setup| match setup.backend(&config.keeper) {
        Err(error) if error.exit_code() == 2 => Err(error),
        _ => Err(StartError::failed("It is none of the configuration.")),
    };
    let refused = started(start, &[URL, "--keeper-username=u"]).await;
    let sentence =
        r#"KEEPER_USERNAME is "u", but neither KEEPER_PASSWORD nor KEEPER_PASSWORD_FILE is set."#;
    assert_eq!(refused.unwrap_err(), sentence);
}

#[tokio::test]
async fn a_test_reaches_no_back_end_beyond_this_machine() {
    let start = async |config: &Config, setup: &mut Setup| {
        setup.backend(&config.keeper)?.get("/").send().await?;
        Ok(())
    };
    let refused = started(start, &["--keeper-url=http://192.0.2.1"]).await;
    let sentence = "A test must not ask http://192.0.2.1/: it is not on this machine.";
    assert_eq!(refused.unwrap_err(), sentence);
    let refused = started(start, &["--keeper-url=http://keeper.example.org"]).await;
    let why = refused.unwrap_err();
    assert!(
        why.contains("a test must not look up keeper.example.org"),
        "{why}"
    );
}
