"""An import-linter contract: a module that reaches, by whatever way, the standard library and its own service only."""

import sys

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class PureContract(Contract):
    """`modules`: those that must be pure. What they import of their own package must be pure as well."""

    type_name = "pure"

    modules = fields.SetField(subfield=fields.ModuleField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002 - the linter's signature
        impure = {}
        for module in self.modules:  # type: ignore[attr-defined]
            own = module.name.partition(".")[0]
            reached = graph.find_upstream_modules(module.name)
            foreign = {name for name in reached if _root(name) not in (own, *sys.stdlib_module_names)}
            if foreign:
                impure[module.name] = sorted(foreign)
        return ContractCheck(kept=not impure, metadata={"impure": impure})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for module, foreign in check.metadata["impure"].items():
            output.print_error(f"{module} reaches {', '.join(foreign)}")


def _root(name: str) -> str:
    return name.partition(".")[0]
