//! A line that breaks, and answers that are not for what was asked.

use std::time::Duration;

use capkeep_standin::{Blobs, Canned, Fault, Plan, Proxy};
use capkeep_storage::{BlobName, Error};

use super::{once, read, signed};

#[tokio::test]
async fn a_range_is_whole_and_right_or_an_error() {
    let blobs = Blobs::start().unwrap();
    let content: Vec<u8> = (0..300_000u32).map(|n| n as u8).collect();
    blobs.put("c", "x", content.clone());
    let name = BlobName::new("c", "x");
    for (fault, expected) in [
        (Fault::Cut(1_000), "transport"),
        (Fault::Reset(1_000), "transport"),
        (Fault::Cut(0), "transport"),
        (Fault::WrongRange(5), "unexpected"),
        (Fault::Whole, "unexpected"),
        (Fault::Short(9), "unexpected"),
        (Fault::Status(500, None), "busy"),
        (Fault::Status(429, Some(3)), "busy"),
        (Fault::Elsewhere("http://127.0.0.2:9".into()), "elsewhere"),
        (Fault::Stall(1_000), "transport"),
    ] {
        let proxy =
            Proxy::start(blobs.address(), Plan { first: vec![Some(fault.clone())], ..Plan::default() });
        let proxy = proxy.unwrap();
        let settings = capkeep_storage::Settings { silence: Duration::from_millis(500), ..once() };
        let store = signed(&proxy.through(&blobs.url()), &settings);
        let etag = store.head(&name).await.unwrap().etag;
        let error = read(&*store, &name, 1_000..201_000, &etag).await.unwrap_err();
        let kind = match error {
            Error::Transport { .. } => "transport",
            Error::Unexpected { .. } => "unexpected",
            Error::Busy { .. } => "busy",
            Error::Elsewhere { .. } => "elsewhere",
            _ => "another",
        };
        assert_eq!(kind, expected, "{fault:?} {error:?}");
        let again = read(&*store, &name, 1_000..201_000, &etag).await.unwrap();
        assert!(again == content[1_000..201_000], "{fault:?}");
    }
}

#[tokio::test]
async fn a_call_whose_answer_was_lost_was_done() {
    // The service deletes and then says that it could not: as if the answer had been lost.
    let blobs = Blobs::start().unwrap();
    blobs.put("c", "x", "x".to_owned().into_bytes());
    let name = BlobName::new("c", "x");
    let settings = capkeep_storage::Settings { retry_for: Duration::from_secs(10), ..once() };
    let store = signed(&blobs.url(), &settings);
    let etag = store.head(&name).await.unwrap().etag;
    blobs.before_each(|account, seen| {
        if seen.method == "DELETE" {
            account.forget("c", "x");
        }
    });
    let refused =
        Canned { method: "DELETE", times: Some(1), ..Canned::refusal("/c/x", 500, "InternalError") };
    blobs.rules(|rules| rules.canned = vec![refused]);
    store.delete(&name, &etag).await.unwrap();
    assert!(matches!(store.delete(&name, &etag).await, Err(Error::Missing { .. })));
}

#[tokio::test]
async fn who_throttles_for_long_is_told_at_once_and_obeyed_when_it_is_short() {
    let blobs = Blobs::start().unwrap();
    blobs.put("c", "x", "x".to_owned().into_bytes());
    let settings = capkeep_storage::Settings { retry_for: Duration::from_secs(20), ..once() };
    let store = signed(&blobs.url(), &settings);
    let name = BlobName::new("c", "x");
    let busy = |seconds: u32, times| Canned {
        times,
        headers: vec![("retry-after", seconds.to_string())],
        ..Canned::refusal("/c/x", 503, "ServerBusy")
    };
    blobs.rules(|rules| rules.canned = vec![busy(1, Some(2))]);
    store.head(&name).await.unwrap();
    assert_eq!(blobs.requests().len(), 3);
    blobs.rules(|rules| rules.canned = vec![busy(600, None)]);
    let error = store.head(&name).await.unwrap_err();
    let Error::Busy { status: 503, retry_after: Some(wait), .. } = error else { panic!("{error:?}") };
    assert_eq!((wait, blobs.requests().len()), (Duration::from_mins(10), 4));
}
