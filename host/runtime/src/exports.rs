//! Where in a compiled plugin each interface of the contract is.

use wasmtime::component::InstancePre;

use crate::calls::Function;
use crate::contract::{
    apps, assets, connection, inbound, media, outbound, profiles, reconcile, settings, signals, templates, windows,
};
use crate::inspect::Interfaces;
use crate::state::State;

/// The exported interfaces, types checked.
pub(crate) struct Exports {
    pub(crate) connection: connection::GuestIndices,
    pub(crate) settings: settings::GuestIndices,
    pub(crate) windows: windows::GuestIndices,
    pub(crate) inbound: inbound::GuestIndices,
    pub(crate) outbound: outbound::GuestIndices,
    pub(crate) templates: Option<templates::GuestIndices>,
    pub(crate) profiles: Option<profiles::GuestIndices>,
    pub(crate) media: Option<media::GuestIndices>,
    pub(crate) signals: Option<signals::GuestIndices>,
    pub(crate) reconcile: Option<reconcile::GuestIndices>,
    pub(crate) apps: Option<apps::GuestIndices>,
    pub(crate) assets: Option<assets::GuestIndices>,
}

impl Exports {
    /// Finds them, and checks that they have the contract's types.
    pub(crate) fn find(before: &InstancePre<State>, interfaces: &Interfaces) -> wasmtime::Result<Exports> {
        macro_rules! optional {
            ($interface:ident) => {
                interfaces.$interface.then(|| $interface::GuestIndices::new(before)).transpose()?
            };
        }
        Ok(Exports {
            connection: connection::GuestIndices::new(before)?,
            settings: settings::GuestIndices::new(before)?,
            windows: windows::GuestIndices::new(before)?,
            inbound: inbound::GuestIndices::new(before)?,
            outbound: outbound::GuestIndices::new(before)?,
            templates: optional!(templates),
            profiles: optional!(profiles),
            media: optional!(media),
            signals: optional!(signals),
            reconcile: optional!(reconcile),
            apps: optional!(apps),
            assets: optional!(assets),
        })
    }

    /// Whether the plugin has this function.
    pub(crate) fn has(&self, function: Function) -> bool {
        match function {
            Function::AssetFiles => self.assets.is_some(),
            Function::ListTemplates => self.templates.is_some(),
            Function::LookUp => self.profiles.is_some(),
            Function::Resolve => self.media.is_some(),
            Function::Signal => self.signals.is_some(),
            Function::Reconcile => self.reconcile.is_some(),
            Function::PrepareApp | Function::CheckApp | Function::ReleaseApp => self.apps.is_some(),
            Function::SettingsSchema
            | Function::WindowRules
            | Function::HandleWebhook
            | Function::Connect
            | Function::Check
            | Function::Disconnect
            | Function::Send => true,
        }
    }
}
