// The widget's texts.

const TEXTS = {
  en: {
    open: "Open chat", close: "Close chat", write: "Write a message", send: "Send", chat: (name) => `Chat with ${name}`,
    sending: "Sending", sent: "Sent", seen: "Seen", waiting: "Waiting for a connection",
    offline: "You are offline. Messages are sent when you are back.",
    failed: "Not sent", full: "Too many messages are waiting to be sent.", file: "File",
    unread: (count) => `${count} unread`, you: "You", log: "Messages", hide: "Hide", today: "Today", yesterday: "Yesterday",
    attach: "Attach a file", uploading: (name) => `Sending ${name}`, again: "Try again", drop: "Drop files here to send them",
    tooLarge: (most) => `Not sent: the file is larger than ${most}.`, lost: "Not sent: the file did not arrive.",
    emoji: "Emoji", typing: "is typing",
    askTitle: "Before we begin", askName: "Your name", askEmail: "Your e-mail address",
    askNote: "So that we know whom we talk with.", askButton: "Start the chat",
    notAllowed: (site) => `Add ${site} to Sites in the settings of this web chat: it is not shown on this site.`,
    sample: ["Hello! Is the coffee still there?", "Yes, it is. Where shall we send it?"],
  },
  id: {
    open: "Buka obrolan", close: "Tutup obrolan", write: "Tulis pesan", send: "Kirim", chat: (name) => `Obrolan dengan ${name}`,
    sending: "Mengirim", sent: "Terkirim", seen: "Dilihat", waiting: "Menunggu sambungan",
    offline: "Anda sedang luring. Pesan dikirim setelah tersambung lagi.",
    failed: "Tidak terkirim", full: "Terlalu banyak pesan yang menunggu dikirim.", file: "Berkas",
    unread: (count) => `${count} belum dibaca`, you: "Anda", log: "Pesan", hide: "Sembunyikan", today: "Hari ini", yesterday: "Kemarin",
    attach: "Lampirkan berkas", uploading: (name) => `Mengirim ${name}`, again: "Coba lagi", drop: "Lepaskan berkas di sini untuk mengirim",
    tooLarge: (most) => `Tidak terkirim: berkas lebih besar dari ${most}.`, lost: "Tidak terkirim: berkas tidak sampai.",
    emoji: "Emoji", typing: "sedang mengetik",
    askTitle: "Sebelum mulai", askName: "Nama Anda", askEmail: "Alamat email Anda",
    askNote: "Supaya kami tahu dengan siapa kami berbicara.", askButton: "Mulai obrolan",
    notAllowed: (site) => `Tambahkan ${site} ke Situs di pengaturan obrolan web ini: obrolan tidak ditampilkan di situs ini.`,
    sample: ["Halo! Apakah kopinya masih ada?", "Masih ada, Kak. Ingin dikirim ke mana?"],
  },
};

/** The language of the settings, else the visitor's. */
const languageOf = (wanted) => {
  if (wanted in TEXTS) return wanted;
  return /^(id|in)\b/i.test(preview?.language ?? navigator.language ?? "") ? "id" : "en";
};

let language = languageOf(preview?.config.language ?? store.get("session")?.config?.language);
let words = TEXTS[language];

const clock = (at) => new Date(at).toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit" });

const dayOf = (at) => new Date(at).toDateString();

const day = (at) => {
  const of = dayOf(at);
  if (of === dayOf(Date.now())) return words.today;
  if (of === dayOf(Date.now() - 864e5)) return words.yesterday;
  return new Date(at).toLocaleDateString(language, { weekday: "long", day: "numeric", month: "long" });
};

const size = (bytes) => {
  if (bytes < 1024) return `${bytes} B`;
  const [amount, unit] = bytes >= 1 << 20 ? [bytes / (1 << 20), "MB"] : [bytes / 1024, "KB"];
  return `${amount.toLocaleString(language, { maximumFractionDigits: 1 })} ${unit}`;
};

/** The first letters of the first two words of a name. */
const initials = (name) =>
  (name.match(/[\p{L}\p{N}]+/gu) ?? []).slice(0, 2).map((word) => [...word][0].toUpperCase()).join("");
