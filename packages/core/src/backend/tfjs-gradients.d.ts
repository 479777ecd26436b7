/** Written by `scripts/bundle-gradients.mjs` at build time; registers the gradients of tfjs's operators. */
declare module '@unidiag/core/backend/tfjs-gradients' {}
