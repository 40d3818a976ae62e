//! What of a mail is quoted from an earlier one. It is marked and never taken out: whoever shows the mail folds it.

/// Words that end the line before a quotation: "On Monday Siti wrote:".
const WROTE: [&str; 10] = [
    "wrote:",
    "writes:",
    "menulis:",
    "a écrit :",
    "a écrit:",
    "schrieb:",
    "escribió:",
    "escreveu:",
    "scrive:",
    "ha scritto:",
];
/// Lines that begin a forwarded or answered mail.
const ORIGINAL: [&str; 6] = [
    "original message",
    "original appointment",
    "forwarded message",
    "pesan asli",
    "pesan terusan",
    "ursprüngliche nachricht",
];
/// Header lines of such a mail: who, and when, in some order.
const WHO: [&str; 5] = ["from:", "dari:", "von:", "de:", "*from:*"];
const WHEN: [&str; 9] =
    ["sent:", "date:", "terkirim:", "tanggal:", "dikirim:", "gesendet:", "enviado:", "envoyé :", "*sent:*"];
/// What such a line begins with, where it is not the date or the name itself.
const OPENERS: [&str; 7] = ["on ", "pada ", "le ", "am ", "el ", "em ", "il "];
/// What an earlier mail was about, among its header lines.
const ABOUT: [&str; 8] = ["subject:", "subjek:", "perihal:", "betreff:", "asunto:", "assunto:", "objet :", "oggetto:"];
/// How far apart such lines may stand in HTML, in bytes, and how many elements after them are marked.
const HEADERS_IN: usize = 3000;
const MOST_MARKED: usize = 2000;
/// What marks a quotation's element in HTML, as mail programs write it.
const ELEMENTS: [&str; 8] = [
    "<blockquote",
    "class=\"gmail_quote",
    "class=\"yahoo_quoted",
    "id=\"divrplyfwdmsg",
    "id=\"appendonsend",
    "class=\"moz-cite-prefix",
    "class=\"protonmail_quote",
    "name=\"quote\"",
];

/// Ranges of a text that are quoted, in code points.
pub fn of_text(text: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    let mut at = 0;
    let starts: Vec<usize> = lines
        .iter()
        .map(|line| {
            let start = at;
            at += line.chars().count();
            start
        })
        .collect();
    let end = at;
    let mut index = 0;
    while index < lines.len() {
        if begins_rest(&lines[index..]) {
            ranges.push((starts[index], end));
            break;
        }
        let intro = intro(&lines[index..]);
        let first = index + intro;
        let quoted = lines[first..].iter().take_while(|line| is_quoted(line)).count();
        if quoted > 0 {
            let last = first + quoted;
            ranges.push((starts[index], starts.get(last).copied().unwrap_or(end)));
            index = last;
        } else if intro > 0 {
            // An introduction without marks: some programs quote the rest as it is.
            ranges.push((starts[index], end));
            break;
        } else {
            index += 1;
        }
    }
    // Where somebody wrote nothing beside it, the quotation is what they want to show.
    let wrote = text
        .chars()
        .enumerate()
        .any(|(at, letter)| !letter.is_whitespace() && !ranges.iter().any(|(start, end)| (*start..*end).contains(&at)));
    if wrote { ranges } else { Vec::new() }
}

fn is_quoted(line: &str) -> bool {
    line.trim_start().starts_with('>')
}

/// How many lines say who wrote what follows: at most three, and an empty one after them.
fn intro(lines: &[&str]) -> usize {
    let mut said = String::new();
    for (count, line) in lines.iter().take(3).enumerate() {
        let line = line.trim();
        if line.is_empty() || is_quoted(line) {
            return 0;
        }
        said.push_str(line);
        // Most lines do not, and a mail may have a hundred thousand of them.
        let ended = said.ends_with(':') && WROTE.iter().any(|words| said.to_lowercase().ends_with(words));
        if ended && names_somebody(&said) {
            if begin_of(&lines[..=count]) > 0 {
                return 0;
            }
            let empty = lines[count + 1..].iter().take_while(|line| line.trim().is_empty()).count();
            return count + 1 + empty;
        }
        said.push(' ');
    }
    0
}

/// A sentence of the writer's own may end as an introduction does; who and when are named before it.
fn names_somebody(said: &str) -> bool {
    said.contains('@') || said.chars().any(|c| c.is_ascii_digit())
}

/// Which of the lines up to "wrote:" begins the introduction: the writer's own words may stand right above it.
fn begin_of(lines: &[&str]) -> usize {
    let opens = |line: &&str| OPENERS.iter().any(|word| line.trim_start().to_lowercase().starts_with(word));
    let opened = lines.iter().rposition(opens);
    opened.or_else(|| (0..lines.len()).rev().find(|from| names_somebody(&lines[*from..].concat()))).unwrap_or_default()
}

/// Whether everything from here on is an earlier mail.
fn begins_rest(lines: &[&str]) -> bool {
    if !lines[0].contains([':', '-', '_']) {
        return false;
    }
    let line = lines[0].trim().to_lowercase();
    let dashed = line.starts_with("--") && ORIGINAL.iter().any(|words| line.contains(words));
    if dashed {
        return true;
    }
    let rest = if line.len() > 10 && line.chars().all(|c| c == '_' || c == '-') { &lines[1..] } else { lines };
    let mut headers = rest.iter().map(|line| line.trim().to_lowercase()).filter(|line| !line.is_empty()).take(4);
    let Some(first) = headers.next() else { return false };
    let begins = |line: &str, words: &[&str]| words.iter().any(|word| line.starts_with(word));
    begins(&first, &WHO) && headers.any(|line| begins(&line, &WHEN))
}

/// Marks the elements of an HTML that are quoted.
pub fn mark_html(html: &str) -> String {
    let lower = html.to_ascii_lowercase();
    let mut places: Vec<usize> = Vec::new();
    for pattern in ELEMENTS {
        for (at, _) in lower.match_indices(pattern) {
            let Some(open) = lower[..=at].rfind('<') else { continue };
            // Where the tag's name ends, an attribute may stand.
            let name = lower[open + 1..].find(|c: char| !c.is_ascii_alphanumeric()).map(|length| open + 1 + length);
            places.extend(name.filter(|place| *place > open + 1));
        }
    }
    if let Some(from) = earlier_mail(&lower) {
        places.extend(blocks(&lower[from..]).map(|end| from + end).take(MOST_MARKED));
    }
    places.sort_unstable();
    places.dedup();
    let mut marked = String::with_capacity(html.len() + places.len() * 19);
    let mut from = 0;
    for place in places {
        marked.push_str(&html[from..place]);
        marked.push_str(" data-quoted=\"true\"");
        from = place;
    }
    marked.push_str(&html[from..]);
    marked
}

/// Where the paragraph begins in which the header lines of an earlier mail stand: from there on everything is that mail, which
/// some programs wrap into nothing.
fn earlier_mail(lower: &str) -> Option<usize> {
    let labelled = |html: &str, words: &[&str]| words.iter().any(|word| html.contains(&format!(">{word}")));
    let who = WHO.iter().flat_map(|word| lower.match_indices(word)).filter_map(|(at, _)| {
        let headers = &lower[at..lower.floor_char_boundary(at + HEADERS_IN)];
        (lower[..at].ends_with('>') && labelled(headers, &WHEN) && labelled(headers, &ABOUT)).then_some(at)
    });
    let at = who.min()?;
    let block = blocks(&lower[..at]).last().and_then(|end| lower[..end].rfind('<'));
    Some(block.unwrap_or(at))
}

/// Where the names of the elements end that stand below one another: paragraphs, lists, tables.
fn blocks(lower: &str) -> impl Iterator<Item = usize> {
    let is_block = |name: &str| {
        matches!(name, "p" | "div" | "table" | "ul" | "ol" | "pre" | "blockquote" | "hr" | "h1" | "h2" | "h3" | "h4")
    };
    lower.match_indices('<').filter_map(move |(at, _)| {
        let name = &lower[at + 1..];
        let length = name.find(|c: char| !c.is_ascii_alphanumeric())?;
        is_block(&name[..length]).then_some(at + 1 + length)
    })
}
