/**
 * One control for each property of a JSON Schema: what the handler takes is what the person is asked.
 */

import { el } from "./dom.js";
import { words } from "./format.js";

/** @typedef {{element: HTMLElement, required: boolean, name: string, value: () => any, isChanged: () => boolean, check: () => boolean, fail: (text: string) => void}} Field */

/**
 * The fields of an object schema, in its order.
 * @param {any} schema @returns {Field[]}
 */
export function makeFields(schema) {
  const root = resolve(schema, schema);
  const required = new Set(root.required ?? []);
  return Object.entries(root.properties ?? {})
    .map(([name, property]) => ({ name, ...flatten(property, schema) }))
    .filter((property) => property.const === undefined)
    .map((property) => makeField(property, required.has(property.name)));
}

/** Follow a `$ref` inside the document. @param {any} node @param {any} document @returns {any} */
function resolve(node, document) {
  if (typeof node?.$ref !== "string") return node ?? {};
  const target = node.$ref
    .slice(2)
    .split("/")
    .reduce((/** @type {any} */ at, /** @type {string} */ key) => at?.[decodeURIComponent(key)], document);
  const { $ref, ...own } = node;
  return { ...resolve(target, document), ...own };
}

/** One schema of a value and whether it may be left out: `anyOf` with null becomes `nullable`. @param {any} node @param {any} document @returns {any} */
function flatten(node, document) {
  const outer = resolve(node, document);
  if (Array.isArray(outer.enum) && outer.enum.includes(null)) {
    return {
      ...outer,
      enum: outer.enum.filter((/** @type {any} */ value) => value !== null),
      nullable: true,
    };
  }
  const choices = (outer.anyOf ?? outer.oneOf)?.map((/** @type {any} */ choice) => resolve(choice, document));
  if (!choices) return { ...outer, items: outer.items && resolve(outer.items, document) };
  const values = choices.filter((/** @type {any} */ choice) => choice.type !== "null");
  const nullable = values.length < choices.length;
  const { anyOf, oneOf, ...own } = outer;
  return { ...(values.length === 1 ? flatten(values[0], document) : {}), ...own, nullable };
}

/** @param {any} schema @param {boolean} required @returns {Field} */
function makeField(schema, required) {
  const id = `option-${schema.name}`;
  const title = schema.title || words(schema.name);
  const hint = schema.description
    ? el("span", { class: "hint", id: `${id}-hint` }, schema.description)
    : null;
  const error = el("span", { class: "error", id: `${id}-error` });
  const described = { "aria-describedby": hint ? `${id}-hint ${id}-error` : `${id}-error` };
  const { control, read, isToggle } = makeControl(schema, { id, name: schema.name, required, ...described });
  const label = el(
    "label",
    { for: id },
    title,
    required || isToggle
      ? null
      : el("span", { class: "hint" }, schema.nullable || isEmpty(schema.default) ? " (optional)" : ""),
  );
  const element = isToggle
    ? el("div", { class: "field toggle" }, control, el("div", {}, label, hint, error))
    : el("div", { class: "field" }, label, hint, control, error);
  const initial = JSON.stringify(read());

  /** @param {string} text */
  const fail = (text) => {
    error.textContent = text;
    if (text) control.setAttribute("aria-invalid", "true");
    else control.removeAttribute("aria-invalid");
  };
  const check = () => {
    fail(control.checkValidity() ? outOfBounds(schema, control.value) : control.validationMessage);
    return error.textContent === "";
  };
  control.addEventListener("input", () => error.textContent && check());
  control.addEventListener("change", check);
  return {
    element,
    required,
    name: schema.name,
    value: read,
    isChanged: () => JSON.stringify(read()) !== initial,
    check,
    fail,
  };
}

/**
 * The control, and how to read its value; undefined means "as the handler has it by itself".
 * @param {any} schema @param {any} attributes
 * @returns {{control: any, read: () => any, isToggle?: boolean}}
 */
function makeControl(schema, attributes) {
  if (Array.isArray(schema.enum)) return makeSelect(schema, attributes);
  switch (schema.type) {
    case "boolean": {
      const control = el("input", { ...attributes, required: false, type: "checkbox" });
      control.checked = schema.default === true;
      return { control, read: () => control.checked, isToggle: true };
    }
    case "integer":
    case "number": {
      const step = schema.type === "integer" ? "1" : "any";
      const control = el("input", {
        ...attributes,
        type: "number",
        step,
        inputmode: schema.type === "integer" ? "numeric" : "decimal",
        min: schema.minimum ?? schema.exclusiveMinimum,
        max: schema.maximum ?? schema.exclusiveMaximum,
      });
      control.value = schema.default ?? "";
      return { control, read: () => (control.value === "" ? undefined : Number(control.value)) };
    }
    case "array": {
      const control = el("textarea", {
        ...attributes,
        rows: 3,
        placeholder: "One on each line",
        spellcheck: "false",
      });
      control.value = (schema.default ?? []).join("\n");
      const convert = /integer|number/.test(schema.items?.type) ? Number : String;
      return {
        control,
        read: () =>
          control.value
            .split("\n")
            .map((/** @type {string} */ line) => line.trim())
            .filter(Boolean)
            .map(convert),
      };
    }
    case "string": {
      const control = el("input", {
        ...attributes,
        type: "text",
        minlength: schema.minLength,
        maxlength: schema.maxLength,
        pattern: schema.pattern,
        autocomplete: "off",
        spellcheck: "false",
        placeholder: schema.nullable ? "Automatic" : null,
      });
      control.value = schema.default ?? "";
      return { control, read: () => (control.value === "" ? undefined : control.value) };
    }
    default: {
      const control = el("textarea", { ...attributes, rows: 3, placeholder: "JSON", spellcheck: "false" });
      control.value = isEmpty(schema.default) ? "" : JSON.stringify(schema.default);
      return { control, read: () => parsed(control.value) };
    }
  }
}

/** @param {any} schema @param {any} attributes */
function makeSelect(schema, attributes) {
  const control = el("select", attributes);
  const missing = isEmpty(schema.default);
  if (schema.nullable || missing)
    control.append(el("option", { value: "" }, schema.nullable ? "Automatic" : "Choose"));
  const values = [...schema.enum].sort((a, b) => Number(b === schema.default) - Number(a === schema.default));
  values.forEach((value, index) => control.append(el("option", { value: `${index}.` }, String(value))));
  if (!missing) control.value = "0.";
  return {
    control,
    read: () => (control.value === "" ? undefined : values[Number.parseInt(control.value, 10)]),
  };
}

/** The bounds that HTML has no word for. @param {any} schema @param {string} text */
function outOfBounds(schema, text) {
  const value = Number(text);
  if (text === "" || !Number.isFinite(value)) return "";
  if (schema.exclusiveMinimum !== undefined && value <= schema.exclusiveMinimum)
    return `Value must be more than ${schema.exclusiveMinimum}.`;
  if (schema.exclusiveMaximum !== undefined && value >= schema.exclusiveMaximum)
    return `Value must be less than ${schema.exclusiveMaximum}.`;
  return "";
}

/** @param {string} text */
function parsed(text) {
  if (text.trim() === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** @param {any} value */
function isEmpty(value) {
  return value === undefined || value === null || value === "";
}
