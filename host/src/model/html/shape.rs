//! Whether HTML has a shape that anybody writes. A few bytes can make a parser walk through everything it has built for every
//! further element: an hour's work for a text of one megabyte. What nobody writes is found here before it is cleaned.
//!
//! It builds the tree that the cleaner would build, keeps nothing of it but depths, and stops where it has seen enough.

use std::borrow::Cow;
use std::cell::Cell;
use std::rc::Rc;

use html5ever::interface::{ElementFlags, ExpandedName, NodeOrText, QuirksMode, TreeSink};
use html5ever::tendril::{StrTendril, TendrilSink};
use html5ever::{Attribute, LocalName, ParseOpts, QualName, ns, parse_fragment};

/// The deepest nesting. Browsers show no more than 512; newsletters need some dozens.
const DEEPEST: u32 = 256;
/// Elements and texts that stand where none may, so that the parser moves them.
const MOST_MOVED: u32 = 5_000;
/// Attributes of one element, counted generously.
const MOST_ATTRIBUTES: usize = 2_000;
/// Bytes between two looks at what came of it.
const STEP: usize = 1 << 10;

/// Whether nobody wrote this for people to read.
pub(super) fn is_absurd(html: &str) -> bool {
    if has_endless_tag(html) {
        return true;
    }
    let seen = Rc::new(Seen::default());
    let sink = Measure { seen: Rc::clone(&seen), document: Rc::new(Node { name: name("html"), depth: Cell::new(0) }) };
    let mut parser = parse_fragment(sink, ParseOpts::default(), name("div"), Vec::new(), false);
    let mut rest = html;
    while !rest.is_empty() {
        let (step, after) = rest.split_at(rest.floor_char_boundary(STEP.min(rest.len())).max(1));
        parser.process(StrTendril::from(step));
        if seen.deepest.get() > DEEPEST || seen.moved.get() > MOST_MOVED {
            return true;
        }
        rest = after;
    }
    false
}

/// A tag with so many attributes that comparing each with all before it is what takes the time. Also one that begins within
/// another again and again, which nobody writes either.
fn has_endless_tag(html: &str) -> bool {
    let bytes = html.as_bytes();
    let mut left = 8 * bytes.len();
    let begins = bytes
        .windows(2)
        .enumerate()
        .filter(|(_, two)| two[0] == b'<' && (two[1].is_ascii_alphabetic() || two[1] == b'/'));
    for (at, _) in begins {
        let (looked_at, attributes) = tag(&bytes[at + 1..]);
        if attributes > MOST_ATTRIBUTES || looked_at > left {
            return true;
        }
        left -= looked_at;
    }
    false
}

/// Where the tag that begins here ends, and about how many attributes it has: at least as many as a parser finds.
fn tag(bytes: &[u8]) -> (usize, usize) {
    let (mut attributes, mut quote, mut bare, mut last) = (0, None, false, b' ');
    for (at, &byte) in bytes.iter().enumerate() {
        match quote {
            Some(open) if byte == open => (quote, attributes) = (None, attributes + 1),
            Some(_) => {}
            None if byte == b'>' => return (at, attributes),
            None if byte.is_ascii_whitespace() => {
                attributes += usize::from(!last.is_ascii_whitespace());
                bare = false;
            }
            None if bare => {}
            None if last == b'=' && matches!(byte, b'"' | b'\'') => quote = Some(byte),
            None if last == b'=' => bare = true,
            None if byte == b'/' => attributes += 1,
            None => {}
        }
        if attributes > MOST_ATTRIBUTES {
            return (at, attributes);
        }
        // A value may stand apart from its sign.
        if last != b'=' || !byte.is_ascii_whitespace() {
            last = byte;
        }
    }
    (bytes.len(), attributes)
}

fn name(local: &str) -> QualName {
    QualName::new(None, ns!(html), LocalName::from(local))
}

#[derive(Default)]
struct Seen {
    deepest: Cell<u32>,
    moved: Cell<u32>,
}

struct Node {
    name: QualName,
    depth: Cell<u32>,
}

struct Measure {
    seen: Rc<Seen>,
    document: Rc<Node>,
}

impl Measure {
    fn node(&self, name: QualName) -> Rc<Node> {
        Rc::new(Node { name, depth: Cell::new(0) })
    }

    fn hangs_below(&self, depth: u32, child: &NodeOrText<Rc<Node>>) {
        if let NodeOrText::AppendNode(child) = child {
            child.depth.set(depth + 1);
            self.seen.deepest.set(self.seen.deepest.get().max(depth + 1));
        }
    }

    fn moves(&self) {
        self.seen.moved.set(self.seen.moved.get().saturating_add(1));
    }
}

impl TreeSink for Measure {
    type Handle = Rc<Node>;
    type Output = ();
    type ElemName<'a> = ExpandedName<'a>;

    fn finish(self) {}

    fn parse_error(&self, _: Cow<'static, str>) {}

    fn get_document(&self) -> Rc<Node> {
        Rc::clone(&self.document)
    }

    fn elem_name<'a>(&'a self, target: &'a Rc<Node>) -> ExpandedName<'a> {
        target.name.expanded()
    }

    fn create_element(&self, name: QualName, _: Vec<Attribute>, _: ElementFlags) -> Rc<Node> {
        self.node(name)
    }

    fn create_comment(&self, _: StrTendril) -> Rc<Node> {
        self.node(name("comment"))
    }

    fn create_pi(&self, _: StrTendril, _: StrTendril) -> Rc<Node> {
        self.node(name("pi"))
    }

    fn append(&self, parent: &Rc<Node>, child: NodeOrText<Rc<Node>>) {
        self.hangs_below(parent.depth.get(), &child);
    }

    fn append_based_on_parent_node(&self, element: &Rc<Node>, _: &Rc<Node>, child: NodeOrText<Rc<Node>>) {
        self.moves();
        self.hangs_below(element.depth.get(), &child);
    }

    fn append_doctype_to_document(&self, _: StrTendril, _: StrTendril, _: StrTendril) {}

    /// What a template holds hangs below it here; how deep that is is what counts.
    fn get_template_contents(&self, target: &Rc<Node>) -> Rc<Node> {
        Rc::clone(target)
    }

    fn same_node(&self, x: &Rc<Node>, y: &Rc<Node>) -> bool {
        Rc::ptr_eq(x, y)
    }

    fn set_quirks_mode(&self, _: QuirksMode) {}

    fn append_before_sibling(&self, sibling: &Rc<Node>, child: NodeOrText<Rc<Node>>) {
        self.moves();
        self.hangs_below(sibling.depth.get().saturating_sub(1), &child);
    }

    fn add_attrs_if_missing(&self, _: &Rc<Node>, _: Vec<Attribute>) {}

    fn remove_from_parent(&self, _: &Rc<Node>) {
        self.moves();
    }

    fn reparent_children(&self, _: &Rc<Node>, _: &Rc<Node>) {
        self.moves();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_and_their_programs_write_is_not_absurd() {
        let table = "<table><tr><td>".repeat(30) + "Halo" + &"</td></tr></table>".repeat(30);
        let paragraphs = "<p>one<p><b>two</b><br>".repeat(20_000);
        let picture = format!("<p><img src=\"data:image/png;base64,{}\">", "iVBO/w0KGgo".repeat(30_000));
        let bare = format!("<p><img src=data:image/png;base64,{}>", "iVBO/w0KGgo".repeat(30_000));
        let rows = format!("<table>{}</table>", "<tr><td style='a: b; c: d'>x</td></tr>".repeat(10_000));
        for html in [table.as_str(), &paragraphs, &picture, &bare, &rows, "", "a < b > c", "<"] {
            assert!(!is_absurd(html), "{}", html.chars().take(80).collect::<String>());
        }
    }

    #[test]
    fn what_takes_a_parser_an_hour_is_absurd() {
        let many = |made: fn(usize) -> String| (0..20_000).map(made).collect::<String>();
        for html in [
            many(|_| "<div>".into()),
            many(|at| format!("<b title={at}><p>")),
            many(|_| "<table>x".into()),
            many(|_| "<table><b>".into()),
            many(|_| "<div><table><tr><td></div>".into()),
            format!("<p {}>", many(|at| format!(" a{at}"))),
            format!("<p {}>", many(|at| format!("a{at}=''"))),
            format!("<p {}", many(|at| format!("/a{at}"))),
            format!("<p a= '>' {}>", many(|at| format!(" a{at}"))),
            many(|_| "<a".into()),
            many(|_| "<svg><g>".into()),
            many(|_| "<template>".into()),
        ] {
            assert!(is_absurd(&html), "{}", html.chars().take(80).collect::<String>());
        }
    }
}
