//! A server that answers what it is told, and remembers what it was asked.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use capkeep_watcher::{Client, Cloud, Login, Secret, Settings};
use url::Url;

/// What arrived.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Reply {
        status: u16,
        headers: Vec<(String, String)>,
        body: String,
    },
    /// The connection is closed without an answer.
    Reset,
}

impl Answer {
    pub(crate) fn new(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self::Reply { status, headers, body: body.to_owned() }
    }
}

type Script = Box<dyn FnMut(&Asked, &str) -> Answer + Send>;

/// The server. It ends with the test's process; nothing waits for it.
pub(crate) struct Server {
    pub(crate) base: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// A server whose script sees what is asked and the server's own address.
    pub(crate) fn start(script: impl FnMut(&Asked, &str) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let script: Arc<Mutex<Script>> = Arc::new(Mutex::new(Box::new(script)));
        let (home, seen) = (base.clone(), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (script, seen, home) = (Arc::clone(&script), Arc::clone(&seen), home.clone());
                std::thread::spawn(move || serve(stream, &script, &seen, &home));
            }
        });
        Self { base, asked }
    }

    /// A server that gives these answers one after the other, then 410.
    pub(crate) fn answering(answers: Vec<Answer>) -> Self {
        let mut answers = VecDeque::from(answers);
        Self::start(move |_, home| {
            let answer = answers.pop_front().unwrap_or_else(|| Answer::new(410, &[], ""));
            match answer {
                Answer::Reply { status, headers, body } => {
                    let headers = headers
                        .into_iter()
                        .map(|(name, value)| (name, value.replace("HOME", home)))
                        .collect();
                    Answer::Reply { status, headers, body: body.replace("HOME", home) }
                }
                Answer::Reset => Answer::Reset,
            }
        })
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn client(&self) -> Client {
        self.client_with(|_| {})
    }

    pub(crate) fn client_with(&self, change: impl FnOnce(&mut Settings)) -> Client {
        let url = Url::parse(&self.base).unwrap();
        let mut settings = Settings::new(Cloud::at(url.clone(), url));
        settings.login = Login::Token(Secret::new("the-token"));
        settings.pause = Duration::from_millis(1);
        settings.retry_for = Duration::from_secs(10);
        change(&mut settings);
        Client::new(settings).unwrap()
    }
}

fn serve(stream: TcpStream, script: &Mutex<Script>, seen: &Mutex<Vec<Asked>>, home: &str) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    while let Some(asked) = read(&mut reader) {
        seen.lock().unwrap().push(asked.clone());
        let answer = (script.lock().unwrap())(&asked, home);
        let Answer::Reply { status, headers, body } = answer else { return };
        let headers: String = headers.iter().flat_map(|(name, value)| [name, ": ", value, "\r\n"]).collect();
        // A length that is told already is one that is wrong on purpose.
        let is_told = headers.to_ascii_lowercase().contains("content-length");
        let length = if status == 204 || is_told {
            String::new()
        } else {
            format!("Content-Length: {}\r\n", body.len())
        };
        let text = format!("HTTP/1.1 {status} X\r\n{headers}{length}\r\n{body}");
        if stream.write_all(text.as_bytes()).is_err() || is_told {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let mut asked = Asked { method, target, headers, body: String::new() };
    let length = asked.header("content-length").map_or(0, |text| text.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    asked.body = String::from_utf8(body).unwrap();
    Some(asked)
}
