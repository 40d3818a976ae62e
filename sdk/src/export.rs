//! `export_channel!`: from an author's type to a component's exports.
//!
//! The exports exist on wasm alone. The `@` in their symbols breaks the version script of a native library, and a native
//! test needs none: there the macro only checks that the traits are implemented and the files are there.

use crate::bindings;
use crate::types::{Channel, Fault, Identity, MediaRef, Outgoing, Person, Receipt, Target, Thread};
use crate::{apps, assets, connection, inbound, media, outbound, polling, profiles, reconcile};
use crate::{settings, signals, template_authoring, templates, windows};
use std::marker::PhantomData;

/// Joins an author's traits to the generated ones.
pub struct Glue<T>(PhantomData<T>);

mod required {
    pub(super) use crate::bindings::plugin::exports::sambung::channel::*;
}

impl<T: connection::Connection> required::connection::Guest for Glue<T> {
    fn identify(channel: Channel, answer: Option<String>) -> Result<connection::ConnectStep, Vec<Fault>> {
        T::identify(channel, answer)
    }

    fn register(channel: Channel) -> Result<connection::Connected, Vec<Fault>> {
        T::register(channel)
    }

    fn check(channel: Channel) -> Result<connection::Health, Fault> {
        T::check(channel)
    }

    fn disconnect(channel: Channel) -> Result<(), Fault> {
        T::disconnect(channel)
    }
}

impl<T: settings::Settings> required::settings::Guest for Glue<T> {
    fn settings_schema(of: String, language: String) -> String {
        T::settings_schema(&of, &language).to_string()
    }
}

impl<T: windows::Windows> required::windows::Guest for Glue<T> {
    fn window_rules() -> Vec<windows::WindowRule> {
        T::window_rules()
    }
}

impl<T: inbound::Inbound> required::inbound::Guest for Glue<T> {
    fn handle_webhook(request: inbound::Request, channel: Option<Channel>) -> Result<inbound::Outcome, String> {
        T::handle_webhook(request, channel)
    }
}

impl<T: outbound::Outbound> required::outbound::Guest for Glue<T> {
    fn send(messages: Vec<Outgoing>, channel: Channel) -> Vec<Result<Receipt, outbound::SendError>> {
        T::send(messages, channel)
    }
}

impl<T: templates::Templates> bindings::templates::exports::sambung::channel::templates::Guest for Glue<T> {
    fn list_templates(channel: Channel, cursor: Option<String>) -> Result<templates::Page, Fault> {
        T::list_templates(channel, cursor)
    }
}

impl<T: template_authoring::TemplateAuthoring>
    bindings::template_authoring::exports::sambung::channel::template_authoring::Guest for Glue<T>
{
    fn create_template(channel: Channel, template: String) -> Result<String, Vec<Fault>> {
        T::create_template(channel, template)
    }

    fn delete_template(channel: Channel, template: String) -> Result<(), Fault> {
        T::delete_template(channel, template)
    }
}

impl<T: profiles::Profiles> bindings::profiles::exports::sambung::channel::profiles::Guest for Glue<T> {
    fn look_up(channel: Channel, who: Identity, thread: Option<Thread>) -> Result<Option<Person>, Fault> {
        T::look_up(channel, who, thread)
    }
}

impl<T: media::Media> bindings::media::exports::sambung::channel::media::Guest for Glue<T> {
    fn resolve(channel: Channel, file: MediaRef) -> Result<media::Source, Fault> {
        T::resolve(channel, file)
    }
}

impl<T: signals::Signals> bindings::signals::exports::sambung::channel::signals::Guest for Glue<T> {
    fn signal(channel: Channel, thread: Thread, kind: String, about: Option<Target>) -> Result<(), Fault> {
        T::signal(channel, thread, kind, about)
    }
}

impl<T: reconcile::Reconcile> bindings::reconcile::exports::sambung::channel::reconcile::Guest for Glue<T> {
    fn reconcile(channel: Channel, attempts: Vec<reconcile::Lost>) -> Vec<Result<reconcile::Verdict, Fault>> {
        T::reconcile(channel, attempts)
    }
}

impl<T: polling::Polling> bindings::polling::exports::sambung::channel::polling::Guest for Glue<T> {
    fn poll(channel: Channel, cursor: Option<String>) -> Result<polling::Polled, Fault> {
        T::poll(channel, cursor)
    }
}

impl<T: apps::Apps> bindings::apps::exports::sambung::channel::apps::Guest for Glue<T> {
    fn prepare(app: apps::App) -> Result<apps::Prepared, Vec<Fault>> {
        T::prepare(app)
    }

    fn check(app: apps::App) -> Result<Vec<crate::types::Finding>, Fault> {
        T::check(app)
    }

    fn release(app: apps::App) -> Result<(), Fault> {
        T::release(app)
    }
}

impl<T: assets::Assets> bindings::assets::exports::sambung::channel::assets::Guest for Glue<T> {
    fn files() -> Vec<assets::Asset> {
        T::files()
    }
}

/// Makes a plugin of a type that implements the required traits, and the optional ones it lists.
///
/// Paths are relative to the folder of the author's `Cargo.toml`. The files become custom sections of the component, where
/// a host reads them before it compiles anything.
///
/// ```ignore
/// export_channel! {
///     Line,
///     manifest: "plugin.toml",
///     texts: { en: "texts.en.toml", id: "texts.id.toml" },
///     icon: "icon.svg",
///     optional: [profiles, media, signals],
/// }
/// ```
#[macro_export]
macro_rules! export_channel {
    (
        $channel:ident,
        manifest: $manifest:literal,
        texts: { en: $english:literal, id: $indonesian:literal $(,)? }
        $(, icon: $icon:literal)?
        $(, optional: [$($optional:ident),* $(,)?])?
        $(,)?
    ) => {
        const _: () = {
            $crate::__section!("sambung:plugin.toml", $manifest);
            $crate::__section!("sambung:texts.en.toml", $english);
            $crate::__section!("sambung:texts.id.toml", $indonesian);
            $($crate::__section!("sambung:icon.svg", $icon);)?

            const fn complete<
                T: $crate::connection::Connection
                    + $crate::settings::Settings
                    + $crate::windows::Windows
                    + $crate::inbound::Inbound
                    + $crate::outbound::Outbound,
            >() {}
            complete::<$channel>();

            #[cfg(target_family = "wasm")]
            type Exported = $crate::export::Glue<$channel>;
            #[cfg(target_family = "wasm")]
            $crate::bindings::plugin::export_plugin!(Exported with_types_in $crate::bindings::plugin);
            $($($crate::__optional!($optional, $channel);)*)?
        };
    };
}

/// Embeds a file as a custom section.
#[doc(hidden)]
#[macro_export]
macro_rules! __section {
    ($name:literal, $path:literal) => {
        const _: () = {
            const FILE: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $path));
            #[cfg(target_family = "wasm")]
            #[used]
            #[unsafe(link_section = $name)]
            static SECTION: [u8; FILE.len()] = {
                let mut bytes = [0; FILE.len()];
                bytes.copy_from_slice(FILE);
                bytes
            };
        };
    };
}

/// Checks one optional trait and exports its interface.
#[doc(hidden)]
#[macro_export]
macro_rules! __optional {
    (templates, $channel:ident) => {
        $crate::__optional!(@ templates, Templates, export_templates, $channel);
    };
    (template_authoring, $channel:ident) => {
        $crate::__optional!(@ template_authoring, TemplateAuthoring, export_template_authoring, $channel);
    };
    (profiles, $channel:ident) => {
        $crate::__optional!(@ profiles, Profiles, export_profiles, $channel);
    };
    (media, $channel:ident) => {
        $crate::__optional!(@ media, Media, export_media, $channel);
    };
    (signals, $channel:ident) => {
        $crate::__optional!(@ signals, Signals, export_signals, $channel);
    };
    (reconcile, $channel:ident) => {
        $crate::__optional!(@ reconcile, Reconcile, export_reconcile, $channel);
    };
    (polling, $channel:ident) => {
        $crate::__optional!(@ polling, Polling, export_polling, $channel);
    };
    (apps, $channel:ident) => {
        $crate::__optional!(@ apps, Apps, export_apps, $channel);
    };
    (assets, $channel:ident) => {
        $crate::__optional!(@ assets, Assets, export_assets, $channel);
    };
    (@ $interface:ident, $trait:ident, $export:ident, $channel:ident) => {
        const _: () = {
            const fn implemented<T: $crate::$interface::$trait>() {}
            implemented::<$channel>();
            #[cfg(target_family = "wasm")]
            type Exported = $crate::export::Glue<$channel>;
            #[cfg(target_family = "wasm")]
            $crate::bindings::$interface::$export!(
                Exported with_types_in $crate::bindings::$interface
            );
        };
    };
    ($unknown:ident, $channel:ident) => {
        compile_error!(concat!(
            "there is no optional interface `",
            stringify!($unknown),
            "`: templates, template_authoring, profiles, media, signals, reconcile, polling, apps, assets"
        ));
    };
}
