//! SMTP sessions: whatever a client says, the server answers in lines of the protocol and stays there for the next.

use crate::server;

/// What a client says, with `\n` for the end of a line.
pub fn run(data: &[u8]) {
    let said: Vec<u8> =
        data.iter().flat_map(|byte| if *byte == b'\n' { vec![b'\r', b'\n'] } else { vec![*byte] }).collect();
    let answer = server::smtp(&said);
    let text = String::from_utf8(answer).expect("answers are text");
    assert!(text.starts_with("220 ") || text.starts_with("421 "), "the greeting is {text:?}");
    for line in text.lines() {
        let code = line.get(..3).is_some_and(|code| code.bytes().all(|byte| byte.is_ascii_digit()));
        let mark = line.len() == 3 || matches!(line.as_bytes().get(3), Some(b' ' | b'-'));
        assert!(code && mark, "no answer of the protocol: {line:?}");
        assert!(!line.bytes().any(|byte| byte.is_ascii_control()), "a control character in an answer: {line:?}");
    }
}
