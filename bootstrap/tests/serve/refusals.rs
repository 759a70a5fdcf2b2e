//! What cannot be is refused in the shape of all errors, with the answer and its rule.

use apikit::testing;
use bootstrap::{new::PLACEHOLDERS, serve};
use serde_json::{Value, json};

use crate::app::Served;

#[tokio::test]
async fn a_bad_answer_is_named_with_its_rule() {
    let served = Served::start().await;
    let name = "must be 1 to 50 lower-case letters, digits and dashes, beginning with a letter and not ending with a dash.";
    for (path, status, said) in [
        ("/preview", 400, format!("name \"\" {name}")),
        ("/preview?name=My_Service", 400, format!("name \"My_Service\" {name}")),
        ("/My_Service.zip", 400, format!("name \"My_Service\" {name}")),
        (
            "/serde.tar.gz",
            400,
            "name \"serde\" is that of a library the service is built with, so the service cannot have it too.".to_owned(),
        ),
        (
            "/preview?name=a&auth_type=oauth&port=80",
            400,
            "auth_type \"oauth\" must be one of none, basic or bitly-proxy. port \"80\" must be a number from 1024 to \
             65535, and none of 4180, 8081, 8082, 44180, where others listen."
                .to_owned(),
        ),
        (
            "/preview?name=a&front_end=none",
            400,
            "front_end \"none\" must be gateway-api or ingress.".to_owned(),
        ),
        (
            "/diff?name=a&to.auth_type=oauth",
            400,
            "auth_type \"oauth\" must be one of none, basic or bitly-proxy.".to_owned(),
        ),
        (
            "/diff?name=a",
            400,
            "No other answer is given: say what is to change, as in to.auth_type=basic.".to_owned(),
        ),
        ("/preview?name=a&name=b", 400, "name is given twice.".to_owned()),
        ("/a.zip?name=b", 400, "The name is in the path already.".to_owned()),
        (
            "/favicon.ico",
            404,
            "There is no \"favicon.ico\" here, but NAME.zip and NAME.tar.gz of any service.".to_owned(),
        ),
    ] {
        for prefix in ["", "/bootstrap"] {
            let answer = served.get(&format!("{prefix}{path}")).await;
            let reason = if status == 400 { "Bad Request" } else { "Not Found" };
            let expected = json!({"reason": reason, "status_code": status, "error_content": said});
            assert_eq!(answer.json::<Value>().await.unwrap(), expected, "{prefix}{path}");
        }
    }
}

#[tokio::test]
async fn an_unknown_parameter_is_named_with_those_that_there_are() {
    let served = Served::start().await;
    let answers = PLACEHOLDERS.join(", ");
    for (path, more) in [
        ("/preview?name=a&auth=basic", ""),
        ("/preview?name=a&to.auth_type=basic", ""),
        ("/a.zip?file=x", ""),
        ("/diff?name=a&to.auth=basic", ", to.NAME"),
        ("/bootstrap/?colour=red", ", file, to.NAME"),
    ] {
        let headers = [("accept", "text/html")];
        let answer = served.get_with(path, &headers).await;
        assert_eq!(answer.status(), 400, "{path}");
        let said: Value = answer.json().await.unwrap();
        let said = said["error_content"].as_str().unwrap();
        assert!(
            said.ends_with(&format!("is none of name, {answers}{more}.")),
            "{path}: {said}"
        );
    }
}

#[test]
fn every_route_is_described() {
    assert_eq!(testing::undescribed(&serve::app()), [""; 0]);
}
