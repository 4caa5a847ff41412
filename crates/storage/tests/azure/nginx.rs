//! A plain web server, which knows nothing of blobs.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use capkeep_storage::{BlobName, Credential, Error, Etag, Location, open};

use super::{once, read};

struct Nginx {
    child: Child,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_plain_web_server_is_read_like_an_account() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    std::fs::create_dir(root.join("c")).unwrap();
    let content: Vec<u8> = (0..3_000_000u32).map(|n| (n >> 3) as u8).collect();
    std::fs::write(root.join("c/a b%20.cap"), &content).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let path = root.display();
    let config = format!(
        "daemon off; master_process off; pid {path}/pid; error_log stderr notice; events {{}}\n\
         http {{ access_log off; server {{ listen 127.0.0.1:{port}; root {path}; }} }}"
    );
    std::fs::write(root.join("nginx.conf"), config).unwrap();
    let mut command = Command::new("nginx");
    command.arg("-p").arg(root).args(["-e", "stderr", "-c", "nginx.conf"]).stderr(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        eprintln!("SKIPPED: a_plain_web_server_is_read_like_an_account: nginx is not installed");
        return;
    };
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let _nginx = Nginx { child };
    // It listens before it says what it runs on.
    assert!(lines.any(|line| line.contains("OS: ")));
    std::thread::spawn(move || lines.for_each(drop));
    let at = Location::parse(&format!("http://127.0.0.1:{port}")).unwrap();
    let store = open(&at, Credential::Nobody, &once()).unwrap();
    let name = BlobName::new("c", "a b%20.cap");
    let blob = store.head(&name).await.unwrap();
    assert_eq!((blob.size, blob.md5), (content.len() as u64, None));
    assert!(read(&*store, &name, 0..blob.size, &blob.etag).await.unwrap() == content);
    assert_eq!(read(&*store, &name, 7..9, &blob.etag).await.unwrap(), content[7..9]);
    let error = read(&*store, &name, 0..1, &Etag::from("other")).await.unwrap_err();
    assert!(matches!(error, Error::Changed { .. }), "{error:?}");
    let error = store.head(&BlobName::new("c", "none")).await.unwrap_err();
    assert!(matches!(error, Error::Missing { .. }), "{error:?}");
}
