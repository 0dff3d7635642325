//! The plugin's proxy, and what is asked of it.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A proxy that runs. It ends with this.
pub struct Proxy {
    child: Child,
    port: u16,
    /// Kept open: a program whose messages nobody takes ends.
    _said: BufReader<ChildStderr>,
}

pub struct Answer {
    pub status: u16,
    /// Its body.
    pub json: Value,
}

impl Proxy {
    /// Starts it, and waits until it listens.
    pub async fn start(mut command: Command) -> Self {
        command.stderr(Stdio::piped()).stdout(Stdio::null());
        tokio::task::spawn_blocking(move || {
            let mut child = command.spawn().unwrap();
            let mut said = BufReader::new(child.stderr.take().unwrap());
            let mut first = String::new();
            said.read_line(&mut first).unwrap();
            let port =
                first.strip_prefix("Serving on http://localhost:").and_then(|rest| rest.split(',').next());
            let port = port.and_then(|port| port.parse().ok()).unwrap_or_else(|| panic!("{first}"));
            Self { child, port, _said: said }
        })
        .await
        .unwrap()
    }

    async fn open(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let mut head = format!("{method} {target} HTTP/1.1\r\nConnection: close\r\nContent-Length: 0\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            head.push_str(&["Host: localhost:", &self.port.to_string(), "\r\n"].concat());
        }
        for (name, value) in headers {
            head.push_str(&[name, ": ", value, "\r\n"].concat());
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
        stream
    }

    /// Asks, as curl does.
    pub async fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
        let mut stream = self.open(method, target, headers).await;
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let json = text
            .find('{')
            .zip(text.rfind('}'))
            .and_then(|(from, to)| serde_json::from_str(&text[from..=to]).ok());
        Answer { status, json: json.unwrap_or_default() }
    }

    /// The first event of a stream.
    pub async fn first_event(&self, target: &str) -> String {
        let stream = self.open("GET", target, &[]).await;
        let mut lines = tokio::io::BufReader::new(stream).lines();
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.starts_with("data:") {
                return line;
            }
        }
        String::new()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // One that has ended already cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
