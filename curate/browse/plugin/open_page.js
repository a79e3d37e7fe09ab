"use strict";
// Opens the page for deciding in a tab: FiftyOne's operators in Python can't. Written by hand; nothing builds it.
(() => {
  const { Operator, OperatorConfig, registerOperator } = window.__foo__;
  class OpenPage extends Operator {
    get config() {
      return new OperatorConfig({ name: "open_page", label: "Open the page for deciding", unlisted: true });
    }
    async execute({ params }) {
      const url = new URL(params.url);
      url.hostname = location.hostname; // localhost, or a forwarded port's
      if (!window.open(url)) throw new Error("The browser blocked the page for deciding: allow pop-ups here, or open the address that curate browse printed");
    }
  }
  registerOperator(OpenPage, "@texsieve/decide");
})();
