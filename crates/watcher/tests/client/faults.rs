//! What the client does when the service or the way to it misbehaves.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::support::{Answer, Server};
use capkeep_watcher::{CaptureRequest, Error, Progress, ResourceId, State, StorageLocation};

const STATUS: &str =
    r#"{"name":"c","id":"i","captureStartTime":"2026-03-02T09:00:00Z","packetCaptureStatus":"Running"}"#;

fn capture() -> ResourceId {
    "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/networkWatchers/w/packetCaptures/c"
        .parse()
        .unwrap()
}

fn request() -> CaptureRequest {
    let mut request = CaptureRequest::default();
    request.properties.target =
        "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/v".into();
    request.properties.storage_location =
        StorageLocation { file_path: Some("/var/captures/c.cap".into()), ..StorageLocation::default() };
    request
}

#[tokio::test]
async fn a_running_session_answers_202_with_its_status() {
    let headers = [("Location", "HOME/operationResults/1"), ("Retry-After", "10")];
    let server = Server::answering(vec![Answer::new(202, &headers, STATUS)]);
    let status = server.client().status(&capture()).await.unwrap();
    assert_eq!(status.state(), State::Running);
    assert_eq!(server.asked().len(), 1, "asked once, waited for nothing");
}

#[tokio::test]
async fn throttling_is_waited_out_as_long_as_the_service_says() {
    let server = Server::answering(vec![
        Answer::new(429, &[("Retry-After", "1")], "{}"),
        Answer::new(200, &[], STATUS),
    ]);
    let start = Instant::now();
    server.client().status(&capture()).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn a_server_error_and_a_lost_connection_are_tried_again() {
    let answers = vec![Answer::new(500, &[], ""), Answer::Reset, Answer::new(200, &[], STATUS)];
    let server = Server::answering(answers);
    server.client().status(&capture()).await.unwrap();
    // A connection that is lost may be tried again below the client too.
    assert!(server.asked().len() >= 3);
}

#[tokio::test]
async fn not_found_and_conflicts_are_told_at_once() {
    for (status, code) in [(404, "NotFound"), (409, "Conflict"), (412, "PreconditionFailed")] {
        let body = format!(r#"{{"error":{{"code":"{code}","message":"Resource c.","details":[]}}}}"#);
        let server = Server::answering(vec![Answer::new(status, &[("x-ms-request-id", "r1")], &body)]);
        let error = server.client().capture(&capture()).await.unwrap_err();
        assert_eq!((error.status(), error.code()), (Some(status), code));
        assert_eq!(error.to_string(), format!("the service answered {status}: Resource c. ({code})"));
        assert_eq!(server.asked().len(), 1);
    }
}

#[tokio::test]
async fn an_operation_that_fails_with_200_gives_its_reason() {
    let failed = r#"{"status":"Failed","error":{"code":"AgentGone","message":"The agent does not answer."}}"#;
    let headers = [("Azure-AsyncOperation", "HOME/operations/1?s=signature"), ("Retry-After", "0")];
    let server = Server::answering(vec![
        Answer::new(201, &headers, "{}"),
        Answer::new(200, &[("Retry-After", "0")], r#"{"status":"InProgress"}"#),
        Answer::new(200, &[], failed),
    ]);
    let mut operation = server.client().create(&capture(), &request()).await.unwrap();
    assert_eq!(
        operation.next().await.unwrap(),
        Progress::Going("InProgress".into(), Duration::from_millis(1))
    );
    let error = operation.next().await.unwrap_err();
    assert_eq!(error.to_string(), "the operation failed: The agent does not answer. (AgentGone)");
    assert_eq!(server.asked()[1].target, "/operations/1?s=signature", "sent back as it came");
}

#[tokio::test]
async fn an_operation_that_never_ends_meets_the_deadline() {
    let server = Server::start(|asked, home| {
        let url = format!("{home}/operations/1");
        let headers = [("Azure-AsyncOperation", url.as_str()), ("Retry-After", "0")];
        if asked.method == "DELETE" {
            Answer::new(202, &headers, "")
        } else {
            Answer::new(200, &[("Retry-After", "0")], r#"{"status":"InProgress"}"#)
        }
    });
    let mut operation = server.client().delete(&capture()).await.unwrap();
    let error = operation.finish(Duration::from_millis(200)).await.unwrap_err();
    assert!(matches!(error, Error::Deadline { .. }), "{error}");
    assert!(server.asked().len() > 2);
}

#[tokio::test]
async fn no_token_goes_to_another_host() {
    let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
    stranger.set_nonblocking(true).unwrap();
    let there = format!("http://{}/steal", stranger.local_addr().unwrap());
    let list = format!(r#"{{"value":[],"nextLink":"{there}"}}"#);
    let home = capture();

    let server = Server::answering(vec![Answer::new(307, &[("Location", &there)], "")]);
    let redirect = server.client().capture(&home).await.unwrap_err();
    let server = Server::answering(vec![Answer::new(200, &[], &list)]);
    let next = server.client().captures(&home).await.unwrap_err();
    let server = Server::answering(vec![Answer::new(202, &[("Location", &there)], "")]);
    let location = server.client().stop(&home).await.unwrap().next().await.unwrap_err();
    let server = Server::answering(vec![Answer::new(202, &[("Azure-AsyncOperation", &there)], "")]);
    let status = server.client().delete(&home).await.unwrap().next().await.unwrap_err();

    for error in [redirect, next, location, status] {
        assert!(matches!(error, Error::Elsewhere { .. }), "{error}");
        assert!(!error.to_string().contains("steal"), "{error}");
    }
    assert_eq!(server.asked()[0].header("authorization"), Some("Bearer the-token"), "the right host has it");
    assert!(stranger.accept().is_err(), "nobody called the stranger");
}

#[tokio::test]
async fn a_list_goes_over_all_pages() {
    let item = |name: &str| format!(r#"{{"name":"{name}","id":"i","properties":{{"target":"t"}}}}"#);
    let server = Server::answering(vec![
        Answer::new(
            200,
            &[],
            &format!(r#"{{"value":[{}],"nextLink":"HOME/next?$skiptoken=a%2Fb"}}"#, item("a")),
        ),
        Answer::new(200, &[], &format!(r#"{{"value":[{}],"nextLink":""}}"#, item("b"))),
    ]);
    let found = server.client().captures(&capture()).await.unwrap();
    assert_eq!(found.iter().map(|capture| capture.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(server.asked()[1].target, "/next?$skiptoken=a%2Fb");
}

#[tokio::test]
async fn a_request_that_breaks_a_rule_is_not_sent() {
    let server = Server::answering(vec![]);
    let mut wrong = request();
    wrong.properties.time_limit_in_seconds = Some(20_000);
    let error = server.client().create(&capture(), &wrong).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "properties.timeLimitInSeconds: 20000 is not between 0 and 18000 seconds; nearest right value: 18000"
    );
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_token_is_not_sent_over_http_to_another_machine() {
    let server = Server::answering(vec![]);
    let url = url::Url::parse("http://management.example/").unwrap();
    let settings = capkeep_watcher::Settings::new(capkeep_watcher::Cloud::at(url.clone(), url));
    assert!(matches!(capkeep_watcher::Client::new(settings), Err(Error::Setting(_))));
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn errors_and_debug_hold_no_secret() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = Server::answering(vec![
        Answer::new(202, &[("Location", "HOME/results/1?sig=SECRET"), ("Retry-After", "0")], ""),
        Answer::Reset,
    ]);
    let client = server.client_with(|settings| settings.retry_for = Duration::from_millis(1));
    let mut operation = client.stop(&capture()).await.unwrap();
    let error = operation.next().await.unwrap_err();
    let nobody = server.client_with(|settings| {
        settings.cloud.endpoint = url::Url::parse(&format!("http://127.0.0.1:{port}/")).unwrap();
        settings.retry_for = Duration::from_millis(1);
    });
    let refused = nobody.capture(&capture()).await.unwrap_err();
    for text in [format!("{error} {error:?}"), format!("{refused} {refused:?}"), format!("{client:?}")] {
        assert!(!text.contains("SECRET") && !text.contains("the-token"), "{text}");
    }
}

#[tokio::test]
async fn a_wait_that_is_longer_than_anybodys_patience_is_told_at_once() {
    let server = Server::answering(vec![Answer::new(429, &[("Retry-After", "3600")], "{}")]);
    let error = server.client().status(&capture()).await.unwrap_err();
    assert_eq!(error.to_string(), "the service answered 429: it asks to be left alone for 3600 s");
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_service_that_has_few_answers_left_is_asked_slowly() {
    let name = "x-ms-ratelimit-remaining-subscription-global-reads";
    let more = "X-Ms-Ratelimit-Remaining-Subscription-Reads";
    let server = Server::start(move |_, _| Answer::new(200, &[(name, "9000"), (more, "5")], STATUS));
    let client = server.client();
    client.status(&capture()).await.unwrap();
    let start = Instant::now();
    client.status(&capture()).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_asked_for_again_where_that_changes_nothing() {
    let cut = || Answer::new(200, &[("Content-Length", "5000"), ("Connection", "close")], STATUS);
    let server = Server::answering(vec![cut(), cut(), Answer::new(200, &[], STATUS)]);
    server.client().status(&capture()).await.unwrap();
    assert_eq!(server.asked().len(), 3);
    let server = Server::answering(vec![cut(), Answer::new(202, &[], "")]);
    assert!(server.client().stop(&capture()).await.is_err());
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_delete_whose_first_answer_was_lost_is_done() {
    let gone = r#"{"error":{"code":"NotFound","message":"Resource c not found.","details":[]}}"#;
    let server = Server::answering(vec![Answer::new(503, &[], ""), Answer::new(404, &[], gone)]);
    let operation = server.client().delete(&capture()).await.unwrap();
    assert_eq!(operation.progress(), Progress::Done(None));
    let server = Server::answering(vec![Answer::new(404, &[], gone)]);
    assert_eq!(server.client().delete(&capture()).await.unwrap_err().status(), Some(404));
}

#[tokio::test]
async fn a_create_whose_first_answer_was_lost_goes_on_with_its_own_capture_and_no_other() {
    let conflict = || Answer::new(409, &[], r#"{"error":{"code":"Conflict","message":"It exists."}}"#);
    let made = |path: &str| {
        let mut made = serde_json::to_value(request()).unwrap();
        made["properties"]["storageLocation"]["filePath"] = path.into();
        made["properties"]["provisioningState"] = "Succeeded".into();
        Answer::new(200, &[], &made.to_string())
    };
    let own = || made("/var/captures/c.cap");
    let server = Server::answering(vec![Answer::new(500, &[], ""), conflict(), own(), own()]);
    let mut operation = server.client().create(&capture(), &request()).await.unwrap();
    assert!(operation.finish(Duration::from_secs(5)).await.unwrap().is_some());
    let other = made("/var/captures/other.cap");
    let server = Server::answering(vec![Answer::new(500, &[], ""), conflict(), other]);
    assert_eq!(server.client().create(&capture(), &request()).await.unwrap_err().status(), Some(409));
    let server = Server::answering(vec![conflict()]);
    assert_eq!(server.client().create(&capture(), &request()).await.unwrap_err().status(), Some(409));
}

#[tokio::test]
async fn a_result_that_is_not_kept_does_not_undo_a_success() {
    let headers = [("Azure-AsyncOperation", "HOME/operations/1"), ("Location", "HOME/results/1")];
    let server = Server::answering(vec![
        Answer::new(202, &headers, ""),
        Answer::new(200, &[], r#"{"status":"Succeeded"}"#),
        Answer::new(404, &[], ""),
    ]);
    let mut operation = server.client().stop(&capture()).await.unwrap();
    assert_eq!(operation.finish(Duration::from_secs(5)).await.unwrap(), None);
}

#[tokio::test]
async fn a_create_is_followed_by_location_and_a_relative_address_too() {
    let made = r#"{"name":"c","id":"i","properties":{"provisioningState":"Succeeded","target":"t"}}"#;
    let server = Server::answering(vec![
        Answer::new(202, &[("location", "/results/1?t=a%2Fb&s=x~y"), ("retry-after", "0")], ""),
        Answer::new(202, &[], ""),
        Answer::new(200, &[], "null"),
        Answer::new(200, &[], made),
    ]);
    let mut operation = server.client().create(&capture(), &request()).await.unwrap();
    let body = operation.finish(Duration::from_secs(5)).await.unwrap().unwrap();
    assert_eq!(body["name"], "c");
    assert_eq!(server.asked()[2].target, "/results/1?t=a%2Fb&s=x~y");
}

#[tokio::test]
async fn a_status_that_is_accepted_without_being_told_is_waited_for() {
    let server = Server::answering(vec![
        Answer::new(202, &[("Location", "HOME/results/1")], "{}"),
        Answer::new(202, &[("Location", "HOME/results/2")], ""),
        Answer::new(200, &[], STATUS),
    ]);
    assert_eq!(server.client().status(&capture()).await.unwrap().state(), State::Running);
    assert_eq!(server.asked()[2].target, "/results/2");
}

#[tokio::test]
async fn errors_are_read_in_whatever_shape_they_come() {
    for (body, told) in [
        (r#"{"error":{"code":"A","message":null}}"#, ": A"),
        (r#"{"code":"A","message":"b"}"#, ": b (A)"),
        (r#"{"error":"invalid_client","error_description":"who are you"}"#, ": who are you"),
        (r#"{"Message":"no HTTP resource"}"#, ": no HTTP resource"),
        (r#""a text""#, ": a text"),
        ("<html>", ""),
        ("", ""),
    ] {
        let server = Server::answering(vec![Answer::new(400, &[], body)]);
        let error = server.client().capture(&capture()).await.unwrap_err();
        assert_eq!(error.to_string(), format!("the service answered 400{told}"), "{body}");
    }
    let long = format!(r#"{{"error":{{"code":"A","message":"{}"}}}}"#, "ä".repeat(100_000));
    let server = Server::answering(vec![Answer::new(400, &[], &long)]);
    let error = server.client().capture(&capture()).await.unwrap_err();
    assert!(error.to_string().len() < 5_000);
}

#[tokio::test]
async fn a_list_that_goes_in_a_circle_is_left() {
    let server =
        Server::start(|_, home| Answer::new(200, &[], &format!(r#"{{"value":[],"nextLink":"{home}/x"}}"#)));
    let error = server.client().captures(&capture()).await.unwrap_err();
    assert_eq!(error.to_string(), "the service answered 200 with a list whose pages go in a circle");
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn an_address_with_a_password_is_refused_and_not_told() {
    let url = url::Url::parse("http://user:hidden@example.com/").unwrap();
    let settings = capkeep_watcher::Settings::new(capkeep_watcher::Cloud::at(url.clone(), url));
    let error = capkeep_watcher::Client::new(settings).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hidden"), "{error}");
}
