//! Customers who fill the inbox, and go on writing now and then.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use sambung_tests::chance::Chance;

use crate::channels::Play;
use crate::channels::webchat::Visitor;
use crate::stage::{self, Stage};

use Line::{Answers, Asks};

/// A line of a conversation.
enum Line {
    /// The visitor writes it.
    Asks(&'static str),
    /// An agent answers it.
    Answers(&'static str),
}

/// Visitors of the shop's page, with their conversations.
const VISITORS: [(&str, &[Line]); 8] = [
    (
        "Sari Dewi",
        &[Asks("Halo, apakah kopi Gayo masih ada?"), Asks("Yang 250 gram."), Answers("Ada, Kak. Stoknya 14 bungkus.")],
    ),
    ("Budi Santoso", &[Asks("Pesanan saya belum sampai."), Asks("Nomornya TK-20418.")]),
    ("Ayu Lestari", &[Asks("Terima kasih, barangnya sudah datang!"), Answers("Sama-sama, Kak Ayu.")]),
    ("Rizky Pratama", &[Asks("Bisa kirim ke Makassar?")]),
    (
        "Taro Yamada",
        &[
            Asks("Hello! Do you ship to Japan?"),
            Asks("About two kilograms."),
            Answers("Yes, by air. It takes five days."),
        ],
    ),
    ("Putri Wulandari", &[Asks("Apakah bisa tukar ukuran?")]),
    (
        "Agus Salim",
        &[
            Asks("Mesin kopinya tidak menyala."),
            Asks("Sudah saya coba dua kali."),
            Answers("Kami kirim teknisi besok pagi."),
        ],
    ),
    (
        "Maya Anggraini",
        &[
            Asks("Halo, apakah toko buka hari Minggu?"),
            Answers("Buka, Kak, dari pukul 09.00 sampai 21.00."),
            Asks("Kalau pesan sekarang, bisa diambil besok?"),
            Answers("Bisa. Kami siapkan mulai pukul 10.00. Mau kopi apa?"),
            Asks("Gayo 250 gram, dua bungkus. Bayarnya di tempat, ya."),
        ],
    ),
];

/// What customers go on with.
const LINES: [&str; 8] = [
    "Apakah masih ada stok?",
    "Berapa ongkos kirim ke Bandung?",
    "Baik, saya tunggu.",
    "Is the shop open on Sunday?",
    "Bisa bayar di tempat?",
    "Terima kasih banyak!",
    "Saya mau pesan dua lagi.",
    "Could you send me the invoice?",
];

/// The longest that customers are silent, in seconds.
const MOST_SECONDS: u64 = 40;

/// Has visitors of the web chat write, where it is among the plays; some of them are answered.
pub async fn fill(stage: &Stage, plays: &[&dyn Play]) {
    let Some(site) = plays.iter().find_map(|play| play.site()) else { return };
    for (name, lines) in VISITORS {
        let before = stage::conversations(stage.api()).await;
        let visitor = Visitor::of(&site, name);
        let mut conversation = String::new();
        for line in lines {
            match line {
                Asks(text) => visitor.writes(text).await,
                Answers(text) => {
                    let reply = stage.api().reply(&conversation, text).await;
                    stage::sent(stage.api(), &reply).await;
                }
            }
            if conversation.is_empty() {
                let shown = stage::new_conversation(stage.api(), &before).await;
                shown["id"].as_str().unwrap_or_default().clone_into(&mut conversation);
            }
        }
    }
}

/// One of the customers writes, again and again.
pub async fn go_on(plays: &[&dyn Play]) {
    let mut chance = Chance::of(1);
    loop {
        tokio::time::sleep(Duration::from_secs(5 + chance.below(MOST_SECONDS - 5))).await;
        let line = LINES[usize::try_from(chance.below(LINES.len() as u64)).unwrap_or_default()];
        if plays.is_empty() {
            continue;
        }
        let play = plays[usize::try_from(chance.below(plays.len() as u64)).unwrap_or_default()];
        // The channel may be paused or disconnected by now: its customer's message does not arrive then.
        let _ = AssertUnwindSafe(play.writes(line)).catch_unwind().await;
    }
}
