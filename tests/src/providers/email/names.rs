//! A name server that knows the texts it was told (RFC 1035): where SPF and DKIM look.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::UdpSocket;

const TXT: u16 = 16;

/// See the module.
pub struct NameServer {
    address: SocketAddr,
}

impl NameServer {
    /// Starts on a free port with these names and their texts. Every other name does not exist.
    ///
    /// # Panics
    /// When there is no port.
    pub async fn start(texts: &[(&str, &str)]) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = socket.local_addr().expect("a bound socket has an address");
        let texts: HashMap<String, String> =
            texts.iter().map(|(name, text)| (name.to_lowercase(), (*text).to_owned())).collect();
        let texts = Arc::new(texts);
        tokio::spawn(async move {
            let mut question = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut question).await {
                if let Some(answer) = answer(&question[..length], &texts) {
                    // Who asks asks again.
                    let _ = socket.send_to(&answer, from).await;
                }
            }
        });
        Self { address }
    }

    /// Where it is asked.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// The answer to one question; none to what is no question.
fn answer(question: &[u8], texts: &HashMap<String, String>) -> Option<Vec<u8>> {
    let (mut at, mut labels) = (12, Vec::new());
    loop {
        let length = usize::from(*question.get(at)?);
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(question.get(at + 1..at + 1 + length)?).to_lowercase());
        at += 1 + length;
    }
    let end = at + 5;
    let kind = u16::from_be_bytes([*question.get(at + 1)?, *question.get(at + 2)?]);
    let text = texts.get(&labels.join(".")).filter(|_| kind == TXT);
    let mut answer = question.get(..2)?.to_vec();
    // A response, recursion available; no such name where there is no text.
    answer.extend_from_slice(&[0x81, if text.is_some() { 0x80 } else { 0x83 }]);
    answer.extend_from_slice(&[0, 1, 0, u8::from(text.is_some()), 0, 0, 0, 0]);
    answer.extend_from_slice(question.get(12..end)?);
    if let Some(text) = text {
        answer.extend_from_slice(&[0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60]);
        let mut data = Vec::new();
        for part in text.as_bytes().chunks(255) {
            data.push(u8::try_from(part.len()).unwrap_or(u8::MAX));
            data.extend_from_slice(part);
        }
        answer.extend_from_slice(&u16::try_from(data.len()).ok()?.to_be_bytes());
        answer.extend_from_slice(&data);
    }
    Some(answer)
}
