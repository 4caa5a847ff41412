//! The server: sockets, TLS, tokens.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use capkeep_local::{Server, ServiceError};
use serde_json::Value;

use crate::support::{Stand, config};

/// Serves while `talk` talks.
fn serving(token: Option<&str>, talk: impl FnOnce(SocketAddr) + Send + 'static) {
    let stand = Stand::new(config());
    let service = stand.service.with_token(token.map(str::to_owned));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let address = "127.0.0.1:0".parse().unwrap();
        let server = Server::bind(address, stand.folder.path(), service).await.unwrap();
        let address = server.address();
        let talking = tokio::task::spawn_blocking(move || talk(address));
        let (tell, told) = tokio::sync::oneshot::channel::<()>();
        let running = tokio::spawn(server.run(async { told.await.unwrap_or_default() }));
        let talked = talking.await;
        drop(tell);
        tokio::time::timeout(Duration::from_secs(10), running).await.unwrap().unwrap();
        talked.unwrap();
    });
    for file in ["cert.pem", "key.pem"] {
        let mode = fs::metadata(stand.folder.path().join("tls").join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

/// Sends bytes and reads all there is.
fn raw(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(request).unwrap();
    let mut out = Vec::new();
    // A server that closes with bytes unread resets the connection; what came before counts.
    let _ = stream.read_to_end(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn get(address: SocketAddr, path: &str, headers: &str) -> String {
    raw(
        address,
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n").as_bytes(),
    )
}

#[test]
fn http_is_answered_with_urls_of_the_host_that_was_asked() {
    serving(None, |address| {
        // Pages in a browser can send requests here too.
        for stranger in ["Host: example.com", "Host: 127.0.0.1:1\r\nOrigin: http://example.com"] {
            let head = format!("GET /subscriptions HTTP/1.1\r\n{stranger}\r\nConnection: close\r\n\r\n");
            let answer = raw(address, head.as_bytes());
            assert!(answer.starts_with("HTTP/1.1 403"), "{stranger}: {answer}");
        }
        let answer = get(address, "/metadata/endpoints?api-version=2022-09-01", "");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let body: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        assert_eq!(body["resourceManager"], format!("http://{address}"));
        assert!(answer.contains("x-ms-request-id: "));
    });
}

#[test]
fn bodies_that_are_too_long_and_nonsense_are_refused() {
    serving(None, |address| {
        let head = "PUT /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2000000\r\n\r\n";
        let answer = raw(address, &[head.as_bytes(), &vec![b'x'; 1_100_000]].concat());
        assert!(answer.starts_with("HTTP/1.1 413") || answer.is_empty(), "{answer}");
        let answer = raw(address, b"\x00\x01\x02\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 400") || answer.is_empty(), "{answer}");
        // No handshake after all.
        let answer = raw(address, b"\x16\x03\x01\x00\x02xx");
        assert!(!answer.contains("HTTP"), "{answer}");
        assert!(get(address, "/subscriptions", "").starts_with("HTTP/1.1 200"));
    });
}

#[test]
fn with_a_token_only_its_bearer_gets_in_and_it_can_be_had_for_the_secret() {
    serving(Some("secret"), |address| {
        let status = |answer: &str| answer.split(' ').nth(1).unwrap_or_default().to_owned();
        assert_eq!(status(&get(address, "/subscriptions", "")), "401");
        assert_eq!(status(&get(address, "/subscriptions", "Authorization: Bearer wrong\r\n")), "401");
        assert_eq!(status(&get(address, "/subscriptions", "Authorization: Bearer secret\r\n")), "200");
        assert_eq!(status(&get(address, "/metadata/endpoints", "")), "200");
        let ask = |secret: &str| {
            let form = format!("grant_type=client_credentials&client_id=app&client_secret={secret}&scope=x");
            let head = "POST /t/oauth2/v2.0/token HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
            raw(address, format!("{head}Content-Length: {}\r\n\r\n{form}", form.len()).as_bytes())
        };
        assert_eq!(status(&ask("wrong")), "401");
        let answer = ask("secret");
        let body: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        let token = body["access_token"].as_str().unwrap();
        assert_eq!(token.split('.').count(), 3);
        assert_eq!(
            status(&get(address, "/subscriptions", &format!("Authorization: Bearer {token}\r\n"))),
            "200"
        );
        let forged = format!("Authorization: Bearer {token}x\r\n");
        assert_eq!(status(&get(address, "/subscriptions", &forged)), "401");
    });
}

#[test]
fn other_machines_are_not_served_without_a_token() {
    let stand = Stand::new(config());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bound =
        runtime.block_on(Server::bind("0.0.0.0:0".parse().unwrap(), stand.folder.path(), stand.service));
    assert!(matches!(bound.err(), Some(ServiceError::NoToken { .. })));
}
