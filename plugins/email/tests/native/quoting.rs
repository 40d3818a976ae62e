//! Quotations are marked where mail programs put them, and nothing is taken out.

use crate::support::{content, host, mail, message};

/// What of a text is marked.
fn quoted(text: &str) -> Vec<String> {
    let mut mail = mail("q@x");
    mail.text = Some(text.to_owned());
    let message = message(mail);
    let mail = content(&message);
    assert_eq!(mail.text.as_deref(), Some(text), "the text stays whole");
    let ranges =
        mail.extra.iter().find(|(name, _)| name == "quotes").map(|(_, json)| json.clone()).unwrap_or("[]".into());
    let ranges: Vec<(usize, usize)> = serde_json::from_str(&ranges).unwrap();
    let letters: Vec<char> = text.chars().collect();
    ranges.into_iter().map(|(start, end)| letters[start..end].iter().collect()).collect()
}

#[test]
fn each_programs_way_of_quoting_is_known() {
    let _host = host();
    let head = "Ya, bénar.\n\n";
    for quote in [
        "On Mon, Apr 2, 2012 at 5:44 PM, Bob <bob@x.example> wrote:\n\n> Hi\n> there\n",
        "On Mon, Apr 2, 2012 at 5:44 PM, Bob\n<bob@x.example>\nwrote:\n> Hi\n",
        "Pada Sen, 5 Jan 2026 pukul 07.00 Toko <toko@x.example> menulis:\n> Halo\n",
        "Le 5 janv. 2026 à 07:00, Bob <bob@x.example> a écrit :\n> Salut\n",
        "-----Original Message-----\nFrom: Bob\nHi\n",
        "--- Original Message ---\nFrom: Bob\nHi\n",
        "---------- Forwarded message ---------\nFrom: Bob\nHi\n",
        "________________________________\nFrom: Bob <bob@x.example>\nSent: Monday\nTo: me\n\nHi\n",
        "From: Bob <bob@x.example>\nDate: Monday\n\nHi\n",
        "Dari: Toko\nTerkirim: Senin\nKepada: saya\n\nHalo\n",
        "> Hi\n> there\n",
    ] {
        assert_eq!(quoted(&format!("{head}{quote}")), [quote], "{quote}");
    }
}

#[test]
fn a_line_of_the_writers_right_above_the_introduction_is_the_writers() {
    let _host = host();
    for own in ["Hi,\n", "I shall be back\nat a computer soon.\n", "On it.\n"] {
        for quote in [
            "On Tue, 2011-03-01 at 18:02 +0530, Bob wrote:\n> Hi\n",
            "On Dec 16, 2011, at 12:47 PM, Bob\n<bob@x.example>\nwrote:\n\n> Hi\n",
        ] {
            assert_eq!(quoted(&format!("{own}{quote}")), [quote], "{own}{quote}");
        }
    }
    let quote = "2012/4/2 Bob <bob@x.example> wrote:\n> Hi\n";
    assert_eq!(quoted(&format!("Hi,\n{quote}")), [quote]);
}

#[test]
fn answers_between_the_lines_stay_answers() {
    let _host = host();
    assert_eq!(quoted("> One?\nYes.\n> Two?\nNo.\n"), ["> One?\n", "> Two?\n"]);
}

#[test]
fn what_only_looks_like_a_quotation_is_none() {
    let _host = host();
    for text in [
        "This is what she wrote:\n\nNothing.\n",
        "From: me\nto you\n",
        "a > b\n",
        "On time, as always\n",
        "-- \nSiti\nSent from my phone\n",
        "From: Siti\nDate: Monday\nPhone: 08123\n\nA form on a web site writes so.\n",
        "---------- Forwarded message ---------\nFrom: Bob\nLook at this\n",
        "",
    ] {
        assert_eq!(quoted(text), [""; 0], "{text}");
    }
}

#[test]
fn html_keeps_its_quotation_and_says_where_it_is() {
    let _host = host();
    let mut mail = mail("h@x");
    mail.html = Some(
        "<p>Ya</p><div class=\"gmail_quote\"><div>On x wrote:</div><blockquote class=\"q\">Old</blockquote></div>"
            .to_owned(),
    );
    let message = message(mail);
    let html = content(&message).html.clone().unwrap();
    assert!(html.contains("<div data-quoted=\"true\" class=\"gmail_quote\">"), "{html}");
    assert!(html.contains("<blockquote data-quoted=\"true\" class=\"q\">Old</blockquote>"), "{html}");
    let whole = html.replace(" data-quoted=\"true\"", "");
    assert!(whole.starts_with("<p>Ya</p>") && whole.ends_with("</div>"));
}

/// As Outlook for Windows answers: the earlier mail stands below its header lines and is wrapped into nothing.
#[test]
fn an_earlier_mail_below_its_header_lines_is_marked_to_its_end() {
    let _host = host();
    let marked = |html: &str| {
        let mut mail = mail("h@x");
        mail.html = Some(html.to_owned());
        content(&message(mail)).html.clone().unwrap()
    };
    let html = "<div class=W><p class=M>Ya</p><p class=M><b><span>From:</span></b> Toko<br><b>Sent:</b> Monday<br><b>To:</b> Siti<br>\
                <b>Subject:</b> Halo</p><p>Old</p><table><tr><td>1</td></tr></table></div>";
    let expected = "<div class=W><p class=M>Ya</p><p data-quoted=\"true\" class=M><b><span>From:</span></b> Toko<br><b>Sent:</b> Monday<br>\
                    <b>To:</b> Siti<br><b>Subject:</b> Halo</p><p data-quoted=\"true\">Old</p><table data-quoted=\"true\"><tr><td>1</td></tr></table></div>";
    assert_eq!(marked(html), expected);
    for own in [
        "<p>From: Siti</p><p>To: you</p>",
        "<p>She is</p><p>from: Java, sent: today</p>",
        "<b>From:</b> here<p>x</p>",
        "<p",
    ] {
        assert_eq!(marked(own), own);
    }
}
