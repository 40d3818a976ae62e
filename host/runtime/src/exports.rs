//! The functions that a plugin exports: found and their types checked once, when it is loaded, so that a call does neither.

use wasmtime::Store;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{ComponentExportIndex, Func, Instance, InstancePre, TypedFunc};

use crate::calls::Function;
use crate::contract::apps::{App, Prepared};
use crate::contract::assets::Asset;
use crate::contract::connection::{ConnectStep, Connected, Health};
use crate::contract::inbound::{Outcome, Request};
use crate::contract::media::Source;
use crate::contract::outbound::{Outgoing, Receipt, SendError};
use crate::contract::polling::Polled;
use crate::contract::reconcile::{Lost, Verdict};
use crate::contract::templates::Page;
use crate::contract::types::{Channel, Fault, Finding, Identity, MediaRef, Person, Target, Thread};
use crate::contract::windows::WindowRule;
use crate::inspect::{CONTRACT, Interfaces, PACKAGE};
use crate::state::State;

/// Where in a compiled plugin each function is; nothing where it has no such interface.
pub(crate) struct Exports([Option<ComponentExportIndex>; Function::ALL.len()]);

impl Exports {
    /// Finds them, and checks that they have the contract's types.
    pub(crate) fn find(before: &InstancePre<State>, interfaces: &Interfaces) -> wasmtime::Result<Exports> {
        let mut found = [None; Function::ALL.len()];
        for function in Function::ALL.into_iter().filter(|function| is_there(*function, interfaces)) {
            let index = find(before, function).map_err(|error| error.context(function.name()))?;
            found[function as usize] = Some(index);
        }
        Ok(Exports(found))
    }

    /// Whether the plugin has this function.
    pub(crate) fn has(&self, function: Function) -> bool {
        self.0[function as usize].is_some()
    }

    fn func(&self, function: Function, store: &mut Store<State>, instance: &Instance) -> wasmtime::Result<Func> {
        let func = self.0[function as usize].and_then(|index| instance.get_func(&mut *store, index));
        func.ok_or_else(|| wasmtime::Error::msg(format!("the plugin has no {}", function.name())))
    }
}

fn find(before: &InstancePre<State>, function: Function) -> wasmtime::Result<ComponentExportIndex> {
    let component = before.component();
    let (interface, name) = function.name().split_once('.').unwrap_or_default();
    let interface = component.get_export_index(None, format!("{PACKAGE}/{interface}@{CONTRACT}").as_str());
    match interface.and_then(|interface| component.get_export(Some(&interface), name)) {
        Some((ComponentItem::ComponentFunc(func), index)) => check(function, &func, before).map(|()| index),
        _ => Err(wasmtime::Error::msg("there is no such function")),
    }
}

fn is_there(function: Function, interfaces: &Interfaces) -> bool {
    match function {
        Function::AssetFiles => interfaces.assets,
        Function::ListTemplates => interfaces.templates,
        Function::CreateTemplate | Function::DeleteTemplate => interfaces.template_authoring,
        Function::LookUp => interfaces.profiles,
        Function::Resolve => interfaces.media,
        Function::Signal => interfaces.signals,
        Function::Reconcile => interfaces.reconcile,
        Function::Poll => interfaces.polling,
        Function::PrepareApp | Function::CheckApp | Function::ReleaseApp => interfaces.apps,
        Function::SettingsSchema
        | Function::WindowRules
        | Function::HandleWebhook
        | Function::Identify
        | Function::Register
        | Function::Check
        | Function::Disconnect
        | Function::Send => true,
    }
}

/// What each function takes and gives. The generated bindings would check a function's types at every call, and the types of
/// this contract are large: that takes longer than translating a small webhook.
macro_rules! signatures {
    ($($function:ident => $method:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
        fn check(
            function: Function,
            func: &wasmtime::component::types::ComponentFunc,
            before: &InstancePre<State>,
        ) -> wasmtime::Result<()> {
            let types = before.instance_type();
            match function {
                $(Function::$function => func.typecheck::<($($type,)*), ($result,)>(&types),)*
            }
        }

        impl Exports {
            $(
                pub(crate) async fn $method(
                    &self,
                    store: &mut Store<State>,
                    instance: &Instance,
                    $($argument: $type),*
                ) -> wasmtime::Result<$result> {
                    let func = self.func(Function::$function, store, instance)?;
                    // SAFETY: `find` compared the types of this function with these, for the very component that `instance`
                    // is made of: a `Callable` keeps the two together.
                    #[allow(unsafe_code, reason = "the check is done once, by `Exports::find`")]
                    let func = unsafe { TypedFunc::<($($type,)*), ($result,)>::new_unchecked(func) };
                    Ok(func.call_async(store, ($($argument,)*)).await?.0)
                }
            )*
        }
    };
}

signatures! {
    SettingsSchema => settings_schema(of: &str, language: &str) -> String;
    WindowRules => window_rules() -> Vec<WindowRule>;
    AssetFiles => files() -> Vec<Asset>;
    HandleWebhook => handle_webhook(request: &Request, channel: Option<&Channel>) -> Result<Outcome, String>;
    Identify => identify(channel: &Channel, answer: Option<&str>) -> Result<ConnectStep, Vec<Fault>>;
    Register => register(channel: &Channel) -> Result<Connected, Vec<Fault>>;
    Check => check_channel(channel: &Channel) -> Result<Health, Fault>;
    Disconnect => disconnect(channel: &Channel) -> Result<(), Fault>;
    Send => send(messages: &[Outgoing], channel: &Channel) -> Vec<Result<Receipt, SendError>>;
    ListTemplates => list_templates(channel: &Channel, cursor: Option<&str>) -> Result<Page, Fault>;
    CreateTemplate => create_template(channel: &Channel, template: &str) -> Result<String, Vec<Fault>>;
    DeleteTemplate => delete_template(channel: &Channel, template: &str) -> Result<(), Fault>;
    LookUp => look_up(channel: &Channel, who: &Identity, thread: Option<&Thread>) -> Result<Option<Person>, Fault>;
    Resolve => resolve(channel: &Channel, file: &MediaRef) -> Result<Source, Fault>;
    Signal => signal(channel: &Channel, thread: &Thread, kind: &str, about: Option<&Target>) -> Result<(), Fault>;
    Reconcile => reconcile(channel: &Channel, attempts: &[Lost]) -> Vec<Result<Verdict, Fault>>;
    Poll => poll(channel: &Channel, cursor: Option<&str>) -> Result<Polled, Fault>;
    PrepareApp => prepare(app: &App) -> Result<Prepared, Vec<Fault>>;
    CheckApp => check_app(app: &App) -> Result<Vec<Finding>, Fault>;
    ReleaseApp => release(app: &App) -> Result<(), Fault>;
}
