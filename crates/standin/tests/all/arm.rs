use capkeep_standin::Arm;

use crate::client::ask;

#[test]
fn what_it_knows_it_answers_in_any_case_and_the_rest_is_missing() {
    let arm = Arm::start([("/subscriptions/S/things".to_owned(), "{\"value\":[]}".to_owned())]).unwrap();
    let address = arm.url().trim_start_matches("http://").parse().unwrap();
    let known = ask(address, "GET", "/SUBSCRIPTIONS/s/things?api-version=2026-01-01", &[], b"");
    assert_eq!((known.status, known.text().as_str()), (200, "{\"value\":[]}"));
    assert_eq!(ask(address, "GET", "/subscriptions/other", &[], b"").status, 404);
    assert_eq!(ask(address, "PUT", "/subscriptions/s/things", &[], b"").status, 404);
    assert_eq!(arm.requests().len(), 3);
}
